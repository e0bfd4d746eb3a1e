'use strict';

// What NocoBase remembers of users, and what its other plugins hear of new ones.

const NEW_USER_EVENTS = ['users.afterCreate', 'users.afterSave', 'users.afterCreateWithAssociations', 'users.afterSaveWithAssociations'];

/** Lets NocoBase forget one user's row, departments and roles: the next request reads them. */
async function forgetUser(app, id) {
  await app.cache.del(`auth:${id}`);
  await app.cache.del(`departments:${id}`);
  await app.cache.del(`roles:${id}:defaultRole`);
  await app.emitAsync('cache:del:roles', { userId: Number(id) });
}

/** What the listeners would have heard had NocoBase made the user itself: workflows wait for these events. */
async function announceUser({ db, logger, context }, user) {
  for (const event of NEW_USER_EVENTS) {
    try {
      await db.emitAsync(event, user, context ? { context } : {});
    } catch (error) {
      // A workflow set to roll back throws; the user exists all the same.
      logger.error(`a listener of ${event} failed for the new user ${user.get('id')}: ${error.message}`);
    }
  }
}

module.exports = { announceUser, forgetUser };
