'use strict';

// DingTalk's events, piped to the sidecar as they come: DingTalk wants its answer raw and within 1.5 s. Who sends them
// is told by their signature, which the sidecar checks; nothing of them is written down here.

const { apiCall, belongsToMainApp } = require('./gateway');
const { answerJson, readBody } = require('./raw-body');
const { envelope } = require('./sidecar');

const PATH = 'dingtalk-events/';
const BODY_LIMIT_BYTES = 64 * 1024;
const ANSWER_LIMIT_MS = 1200;

const refusal = (code, message) => ({ errors: [{ message, code }] });

/** @param {{ sidecar: import('./sidecar').Sidecar }} bridge */
function eventsHandler({ sidecar }) {
  return async function handleDingTalkEvents(req, res) {
    const call = apiCall(req);
    if (!call?.name.startsWith(PATH) || !/^[^/]+$/.test(call.name.slice(PATH.length))) return false;
    if (!(await belongsToMainApp(req))) return false;
    if (req.method !== 'POST') {
      answerJson(req, res, 405, refusal('METHOD_NOT_ALLOWED', 'Method Not Allowed'));
      return true;
    }
    const begun = Date.now();
    try {
      const raw = await readBody(req, BODY_LIMIT_BYTES, ANSWER_LIMIT_MS);
      if (raw === null) {
        answerJson(req, res, 413, refusal('PAYLOAD_TOO_LARGE', 'Payload Too Large'));
        return true;
      }
      const limitMs = Math.max(1, ANSWER_LIMIT_MS - (Date.now() - begun));
      const answer = await sidecar.forward(req, { method: 'POST', action: call.name, query: call.query, raw, limitMs });
      const told = envelope(answer);
      if (told) answerJson(req, res, answer.status, told);
      else answerJson(req, res, 502, refusal('SIDECAR_UNAVAILABLE', 'Bad Gateway'));
    } catch {
      // DingTalk keeps what was not answered, and the sidecar asks for it.
      answerJson(req, res, 503, refusal('SIDECAR_UNAVAILABLE', 'Service Unavailable'));
    }
    return true;
  };
}

module.exports = { eventsHandler };
