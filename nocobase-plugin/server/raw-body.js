'use strict';

// The body of a request that NocoBase's middleware has not seen, and an answer to it.

/**
 * The body's bytes, or null where they are more than `limit`; rejects where the sender goes away or is late. What is too
 * much is read to its end and kept nowhere: who still sends would not see the answer.
 */
function readBody(req, limit, withinMs) {
  return new Promise((resolve, reject) => {
    let chunks = [];
    let size = 0;
    const timer = setTimeout(() => reject(new Error('the body did not come in time')), withinMs);
    const settle = (done, value) => {
      clearTimeout(timer);
      done(value);
    };
    req.on('data', (chunk) => {
      size += chunk.length;
      if (size > limit) chunks = [];
      else chunks.push(chunk);
    });
    req.on('end', () => settle(resolve, size > limit ? null : Buffer.concat(chunks)));
    req.on('close', () => settle(reject, new Error('the body broke off')));
    req.on('error', (error) => settle(reject, error));
  });
}

function answerJson(req, res, status, body) {
  if (res.destroyed || res.headersSent) return;
  const text = Buffer.from(JSON.stringify(body));
  // What was not read of a body would be taken for the next request.
  const rest = req.complete ? {} : { connection: 'close' };
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': String(text.length), 'cache-control': 'no-store', ...rest });
  res.end(text);
  if (!req.complete) req.resume();
}

module.exports = { answerJson, readBody };
