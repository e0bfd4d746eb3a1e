'use strict';

// What keeps an authenticator with rules that nobody could follow from being saved: the sidecar reads them.

const { AUTH_TYPE } = require('./names');
const { envelope } = require('./sidecar');

const ANSWER_LIMIT_MS = 10_000;
/** The options that the sidecar reads, by the names of the form. */
const RULES = ['allowedDepartments', 'deniedDepartments', 'defaultRole', 'roleRules', 'mainDepartment', 'refreshNickname', 'refreshPhone', 'refreshAvatar'];

/** The form stores what it shows where nobody has chosen anything. */
const isFilled = (value) => value !== undefined && value !== null && !['', 'never'].includes(String(value).trim());

/**
 * Throws what the sidecar says against the rules. While it is away nobody is kept from saving: sign-ins keep to what
 * can be followed, and "Test connection" names the rest.
 *
 * @param {object} plugin
 * @param {object} row the authenticator about to be saved
 */
async function refuseRulesNobodyCanFollow(plugin, row, { context } = {}) {
  const options = row.get('options');
  if (row.get('authType') !== AUTH_TYPE || !context?.req || !RULES.some((name) => isFilled(options?.[name]))) return;
  const rules = Object.fromEntries([...RULES, 'bindAdministrators'].map((name) => [name, options[name]]));
  let answer;
  try {
    answer = await plugin.sidecar.forward(context.req, {
      method: 'POST',
      action: 'dingtalk:checkRules',
      body: { options: rules },
      actor: context.state?.currentUser?.id,
      limitMs: ANSWER_LIMIT_MS,
    });
  } catch (error) {
    plugin.app.log.warn(`the rules of ${row.get('name')} were saved without a look at them: ${error.message}`);
    return;
  }
  const refused = envelope(answer)?.errors?.[0];
  // As NocoBase's error handler answers it.
  if (answer.status === 400 && refused) throw Object.assign(new Error(refused.message), { status: 400, code: refused.code });
}

module.exports = { refuseRulesNobodyCanFollow };
