// The form of a source of the directory, as data.
define('nocobase-plugin-auth-dingtalk/client-v2/directory-schema', [], function () {
  'use strict';

  return { DIRECTORY_FORM: "__NBDT_DIRECTORY_FORM__" };
});
