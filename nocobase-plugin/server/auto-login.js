'use strict';

// What keeps an authenticator with "Automatic login" from being saved.

const { AUTH_TYPE, PACKAGE } = require('./names');

const signsInByItself = (row) => row.get('authType') === AUTH_TYPE && row.get('enabled') === true && row.get('options')?.autoLogin === true;

/** As NocoBase's error handler answers it. */
const refusal = (code, message) => Object.assign(new Error(message), { status: 400, code });

/**
 * Throws where nobody could tell which authenticator is meant, or where DingTalk could not tell which organization is.
 *
 * @param {object} plugin
 * @param {object} row the authenticator about to be saved
 */
async function refuseImpossibleAutoLogin(plugin, row, { context, transaction } = {}) {
  if (!signsInByItself(row)) return;
  const t = (key, values) => (context?.t ?? plugin.t.bind(plugin))(key, { ns: PACKAGE, ...values, interpolation: { escapeValue: false } });
  const { autoLoginType, corpId } = row.get('options');
  if (autoLoginType !== 'oauth' && !String(corpId ?? '').trim()) {
    throw refusal('INVALID_FIELD', t('Please check this field: {{field}}.', { field: t('Corp ID') }));
  }
  const rows = await plugin.db.getRepository('authenticators').find({ filter: { authType: AUTH_TYPE, enabled: true }, transaction });
  const other = rows.find((one) => String(one.get('id')) !== String(row.get('id')) && signsInByItself(one));
  if (!other) return;
  const name = other.get('title') || other.get('name');
  throw refusal('AUTO_LOGIN_TAKEN', t('Only one sign-in method can sign people in automatically, and {{name}} does already. Turn that off there first.', { name }));
}

module.exports = { refuseImpossibleAutoLogin };
