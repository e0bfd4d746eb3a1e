CREATE TABLE IF NOT EXISTS "users" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "nickname" VARCHAR(255),
  "username" VARCHAR(255) UNIQUE,
  "email" VARCHAR(255) UNIQUE,
  "phone" VARCHAR(255) UNIQUE,
  "password" VARCHAR(255),
  "passwordChangeTz" BIGINT,
  "appLang" VARCHAR(255),
  "resetToken" VARCHAR(255) UNIQUE,
  "systemSettings" JSON DEFAULT '{}',
  "sort" BIGINT,
  "createdAt" DATETIME,
  "updatedAt" DATETIME,
  "createdById" BIGINT,
  "updatedById" BIGINT
);

CREATE TABLE IF NOT EXISTS "roles" (
  "name" VARCHAR(255) PRIMARY KEY NOT NULL,
  "title" VARCHAR(255) UNIQUE,
  "description" VARCHAR(255),
  "strategy" JSON,
  "default" TINYINT(1) DEFAULT 0,
  "hidden" TINYINT(1) DEFAULT 0,
  "allowConfigure" TINYINT(1),
  "allowNewMenu" TINYINT(1),
  "snippets" JSON DEFAULT '["!ui.*","!pm","!pm.*"]',
  "sort" BIGINT,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS "rolesUsers" (
  "roleName" VARCHAR(255) NOT NULL,
  "userId" BIGINT NOT NULL,
  "default" TINYINT(1),
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  PRIMARY KEY ("roleName", "userId")
);

CREATE INDEX IF NOT EXISTS "rolesUsers_userId" ON "rolesUsers" ("userId");

CREATE TABLE IF NOT EXISTS "authenticators" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "name" VARCHAR(255) NOT NULL UNIQUE,
  "authType" VARCHAR(255) NOT NULL,
  "title" VARCHAR(255),
  "description" VARCHAR(255) NOT NULL DEFAULT '',
  "options" JSON NOT NULL DEFAULT '{}',
  "enabled" TINYINT(1) DEFAULT 0,
  "sort" BIGINT,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  "createdById" BIGINT,
  "updatedById" BIGINT
);

CREATE TABLE IF NOT EXISTS "usersAuthenticators" (
  "authenticator" VARCHAR(255) NOT NULL,
  "userId" BIGINT NOT NULL,
  "uuid" VARCHAR(255) NOT NULL,
  "nickname" VARCHAR(255) NOT NULL DEFAULT '',
  "avatar" VARCHAR(255) NOT NULL DEFAULT '',
  "meta" JSON DEFAULT '{}',
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  "createdById" BIGINT,
  "updatedById" BIGINT,
  PRIMARY KEY ("authenticator", "userId")
);

CREATE TABLE IF NOT EXISTS "issuedTokens" (
  "id" UUID PRIMARY KEY NOT NULL,
  "signInTime" BIGINT NOT NULL,
  "jti" UUID NOT NULL,
  "issuedTime" BIGINT NOT NULL,
  "userId" BIGINT NOT NULL,
  "authenticator" VARCHAR(255),
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL
);

CREATE INDEX IF NOT EXISTS "issuedTokens_jti" ON "issuedTokens" ("jti");

CREATE INDEX IF NOT EXISTS "issuedTokens_userId" ON "issuedTokens" ("userId");

CREATE TABLE IF NOT EXISTS "tokenBlacklist" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "token" VARCHAR(255),
  "expiration" DATETIME,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL
);

CREATE INDEX IF NOT EXISTS "tokenBlacklist_token" ON "tokenBlacklist" ("token");

CREATE TABLE IF NOT EXISTS "tokenControlConfig" (
  "key" VARCHAR(255) PRIMARY KEY NOT NULL,
  "config" JSON NOT NULL,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  "createdById" BIGINT,
  "updatedById" BIGINT
);

CREATE TABLE IF NOT EXISTS "applicationPlugins" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "name" VARCHAR(255) UNIQUE,
  "packageName" VARCHAR(255) UNIQUE,
  "version" VARCHAR(255),
  "enabled" TINYINT(1),
  "installed" TINYINT(1),
  "builtIn" TINYINT(1),
  "options" JSON,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS "systemSettings" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "title" VARCHAR(255),
  "showLogoOnly" TINYINT(1),
  "allowSignUp" TINYINT(1) DEFAULT 1,
  "smsAuthEnabled" TINYINT(1) DEFAULT 0,
  "enabledLanguages" JSON DEFAULT '[]',
  "appLang" VARCHAR(255),
  "options" JSON DEFAULT '{}',
  "enableEditProfile" TINYINT(1) DEFAULT 1,
  "enableChangePassword" TINYINT(1) DEFAULT 1,
  "roleMode" VARCHAR(255) DEFAULT 'default',
  "logoId" BIGINT,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS "environmentVariables" (
  "name" VARCHAR(255) PRIMARY KEY NOT NULL,
  "type" VARCHAR(255),
  "value" TEXT,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS "dingtalk_secrets" (
  "id" BIGINT NOT NULL,
  "name" VARCHAR(255) NOT NULL,
  "value" TEXT NOT NULL,
  PRIMARY KEY ("id", "name")
);

CREATE TABLE IF NOT EXISTS "userDataSyncSources" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "name" VARCHAR(255) NOT NULL UNIQUE,
  "sourceType" VARCHAR(255) NOT NULL,
  "displayName" VARCHAR(255),
  "enabled" TINYINT(1) DEFAULT 0,
  "options" JSON NOT NULL DEFAULT '{}',
  "sort" BIGINT,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  "createdById" BIGINT,
  "updatedById" BIGINT
);
