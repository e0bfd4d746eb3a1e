'use strict';

// `auth:redirect`: where signing in with DingTalk begins and comes back to. Code and state stay out of NocoBase's log.

const { apiCall, belongsToMainApp, isAction } = require('./gateway');
const { AUTH_TYPE } = require('./names');
const { answerHeaders, envelope } = require('./sidecar');
const { signInPage } = require('./sign-in-page');

const ANSWER_LIMIT_MS = 15_000;
const PUBLIC_CODE = /^[A-Z][A-Z_]{2,39}$/;

/** Another plugin may bring a redirect action of its own; then only what names us is ours. */
function hasAnotherOwner(app) {
  return app.resourceManager.getResource('auth').actions.has('redirect');
}

async function isOurs(app, query, headers) {
  if (!hasAnotherOwner(app)) return true;
  const name = query.get('authenticator');
  if (name) return (await app.db.getRepository('authenticators').count({ filter: { name, authType: AUTH_TYPE } })) > 0;
  return query.has('state') && /(?:^|;\s*)(?:__Host-)?nbdt_/.test(headers.cookie ?? '');
}

/**
 * @param {{ app: object, sidecar: import('./sidecar').Sidecar, log: object }} bridge
 */
function redirectHandler({ app, sidecar, log }) {
  return async function handleDingTalkRedirect(req, res) {
    // Returning false passes the request on to NocoBase; anything else keeps it.
    const call = apiCall(req);
    if (!['GET', 'HEAD'].includes(req.method) || !call || !isAction(call.name, 'auth:redirect')) return false;
    if (!(await belongsToMainApp(req))) return false;
    const query = new URLSearchParams(call.query);
    try {
      if (!(await isOurs(app, query, req.headers))) return false;
    } catch (error) {
      // Without a database NocoBase's own answer says more than ours could.
      log.warn(`the authenticator of a redirect could not be looked up: ${error.message}`);
      return false;
    }
    const toSignInPage = (error) => {
      res.writeHead(302, {
        location: signInPage({ returnPath: query.get('return'), authenticator: query.get('authenticator'), error }),
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
      });
      res.end();
    };
    try {
      const answer = await sidecar.forward(req, { method: req.method, action: 'auth:redirect', query: call.query, limitMs: ANSWER_LIMIT_MS });
      // A browser that only looks ahead is refused without words, and comes back when the person does.
      const isForPeople = answer.status < 400 || !answer.body.length || String(answer.headers['content-type'] ?? '').startsWith('text/html');
      if (!isForPeople) {
        const code = envelope(answer)?.errors?.[0]?.code;
        log.warn(`the sidecar answered a redirect with ${answer.status} ${code ?? 'and no code'}`);
        toSignInPage(PUBLIC_CODE.test(code) ? code : 'SIDECAR_UNAVAILABLE');
        return true;
      }
      res.writeHead(answer.status, Object.fromEntries(answerHeaders(answer)));
      res.end(answer.body);
    } catch (error) {
      log.error(`${error.message}${error.cause ? `: ${error.cause.message}` : ''} (${sidecar.place.name})`);
      if (res.headersSent) res.destroy();
      else toSignInPage('SIDECAR_UNAVAILABLE');
    }
    return true;
  };
}

module.exports = { redirectHandler };
