'use strict';

// What is answered before NocoBase's own middleware: cheaper, and what is sent stays out of its request log.

const { Gateway } = require('@nocobase/server');
const { apiBasePath } = require('./sidecar');

// NocoBase keeps handlers for the life of the process, across its own reloads: ours are there once, or not at all.
let installed = [];

/** @param {((req, res) => Promise<boolean>)[]} handlers each returns false for what is none of its business */
function install(handlers) {
  uninstall();
  handlers.forEach((handler) => Gateway.registerRequestHandler(handler));
  installed = handlers;
}

function uninstall() {
  installed.forEach((handler) => Gateway.unregisterRequestHandler(handler));
  installed = [];
}

/** What of an address stands behind the API's base, or null: `{ name, query }`. */
function apiCall(req) {
  const base = apiBasePath();
  const mark = req.url.indexOf('?');
  const pathname = mark < 0 ? req.url : req.url.slice(0, mark);
  if (!pathname.startsWith(base)) return null;
  return { name: pathname.slice(base.length), query: mark < 0 ? '' : req.url.slice(mark + 1) };
}

/** Whether an address names an action, whose colon may be escaped. */
const isAction = (name, action) => name === action || name.toLowerCase() === action.replace(':', '%3a').toLowerCase();

async function belongsToMainApp(req) {
  try {
    return (await Gateway.getInstance().getRequestHandleAppName(req)) === 'main';
  } catch {
    return false;
  }
}

module.exports = { apiCall, belongsToMainApp, install, isAction, uninstall };
