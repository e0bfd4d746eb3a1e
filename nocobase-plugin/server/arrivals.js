'use strict';

// New people whom the sidecar has written in bulk: NocoBase may remember that they did not exist, and its plugins may
// want to hear of them.

const { announceUser, forgetUser } = require('./remembered-users');

async function welcome({ app, db, log }, { userIds, announce }) {
  for (const id of userIds) await forgetUser(app, id);
  if (announce === true) {
    const users = await db.getRepository('users').find({ filter: { id: { $in: userIds } } });
    for (const user of users) await announceUser({ db, logger: log }, user);
  }
  return { done: [], failed: [] };
}

module.exports = { welcome };
