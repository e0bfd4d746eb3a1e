// People and moments in a table.
define('nocobase-plugin-auth-dingtalk/client-v2/people', [], function () {
  'use strict';

  const FOUND_BY = { subject: 'Existing link', phone: 'Phone number', signUp: 'Automatic sign-up', person: 'By the person', administrator: 'By an administrator', directory: 'Synchronization' };

  return {
    foundBy: (t, matched) => (FOUND_BY[matched] ? t(FOUND_BY[matched]) : '–'),
    moment: (time, language) => (time ? new Date(time).toLocaleString(language) : '–'),
  };
});
