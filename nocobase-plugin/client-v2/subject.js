// By what people are recognized.
define('nocobase-plugin-auth-dingtalk/client-v2/subject', ['./texts'], function (texts) {
  'use strict';

  const { FORM } = texts;

  const NAMES = { unionId: 'Union ID', userId: 'User ID in the organization', mobile: 'Phone number' };

  /** Rows of the community plugin were linked by user id; the form's own default would lose those people. */
  function defaultSubject(internal) {
    return internal?.appKey ? 'userId' : FORM.properties.advanced.properties.subject.default;
  }

  /** What a person is linked by under these options. */
  const subjectName = (options) => NAMES[options?.subject ?? defaultSubject(options?.internal)];

  return { defaultSubject, subjectName };
});
