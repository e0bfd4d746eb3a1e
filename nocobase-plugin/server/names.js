'use strict';

// Names that NocoBase, the sidecar and stored rows rely on.

module.exports = {
  PACKAGE: 'nocobase-plugin-auth-dingtalk',
  AUTH_TYPE: 'dingtalk',
  // The stored secret never leaves the server; whoever saves this in its place keeps it.
  SECRET_MASK: '********',
  // Options that NocoBase must not render from its environment variables: it would echo them in clear.
  CREDENTIAL_OPTIONS: ['clientId', 'clientSecret', 'internal'],
};
