'use strict';

/**
 * Attempts each item in turn, and those once more at the end whose failure another item may have ended meanwhile.
 * Answers the failures that stay.
 *
 * @param {(item) => Promise<object | null>} attempt resolves with a failure, or null
 * @param {(failure: object) => boolean} isWorthAnotherTurn
 */
async function inTwoTurns(items, attempt, isWorthAnotherTurn) {
  const failed = [];
  const later = [];
  for (const item of items) {
    const failure = await attempt(item);
    if (failure && isWorthAnotherTurn(failure)) later.push(item);
    else if (failure) failed.push(failure);
  }
  for (const item of later) {
    const failure = await attempt(item);
    if (failure) failed.push(failure);
  }
  return failed;
}

module.exports = { inTwoTurns };
