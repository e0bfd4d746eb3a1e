'use strict';

// Names that NocoBase, the sidecar and stored rows rely on.

module.exports = {
  PACKAGE: 'nocobase-plugin-auth-dingtalk',
  AUTH_TYPE: 'dingtalk',
  // The type of our rows among NocoBase's sources of users and departments.
  SOURCE_TYPE: 'dingtalk',
  // Stands where a secret is kept apart; whoever saves it keeps the secret.
  SECRET_MASK: '********',
  // Spelt alike with and without DB_UNDERSCORED.
  SECRETS_TABLE: 'dingtalk_secrets',
  // Options that NocoBase must not render from its environment variables: it would echo them in clear.
  CREDENTIAL_OPTIONS: ['clientId', 'clientSecret', 'internal'],
};
