CREATE TABLE `@users` (
  `id` BIGSERIAL PRIMARY KEY,
  `nickname` VARCHAR(255),
  `username` VARCHAR(255) UNIQUE,
  `email` VARCHAR(255) UNIQUE,
  `phone` VARCHAR(255) UNIQUE,
  `password` VARCHAR(255),
  `passwordChangeTz` BIGINT,
  `appLang` VARCHAR(255),
  `resetToken` VARCHAR(255) UNIQUE,
  `systemSettings` JSON DEFAULT '{}',
  `sort` BIGINT,
  `createdAt` TIMESTAMPTZ,
  `updatedAt` TIMESTAMPTZ,
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@roles` (
  `name` VARCHAR(255) PRIMARY KEY NOT NULL,
  `title` VARCHAR(255) UNIQUE,
  `description` VARCHAR(255),
  `strategy` JSON,
  `default` BOOLEAN DEFAULT FALSE,
  `hidden` BOOLEAN DEFAULT FALSE,
  `allowConfigure` BOOLEAN,
  `allowNewMenu` BOOLEAN,
  `snippets` JSONB DEFAULT '["!ui.*","!pm","!pm.*"]',
  `sort` BIGINT,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL
);

CREATE TABLE `@rolesUsers` (
  `roleName` VARCHAR(255) NOT NULL,
  `userId` BIGINT NOT NULL,
  `default` BOOLEAN,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (`roleName`, `userId`)
);

CREATE INDEX ON `@rolesUsers` (`userId`);

CREATE TABLE `@authenticators` (
  `id` BIGSERIAL PRIMARY KEY,
  `name` VARCHAR(255) NOT NULL UNIQUE,
  `authType` VARCHAR(255) NOT NULL,
  `title` VARCHAR(255),
  `description` VARCHAR(255) NOT NULL DEFAULT '',
  `options` JSON NOT NULL DEFAULT '{}',
  `enabled` BOOLEAN DEFAULT FALSE,
  `sort` BIGINT,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@usersAuthenticators` (
  `authenticator` VARCHAR(255) NOT NULL,
  `userId` BIGINT NOT NULL,
  `uuid` VARCHAR(255) NOT NULL,
  `nickname` VARCHAR(255) NOT NULL DEFAULT '',
  `avatar` VARCHAR(255) NOT NULL DEFAULT '',
  `meta` JSON DEFAULT '{}',
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT,
  PRIMARY KEY (`authenticator`, `userId`)
);

CREATE TABLE `@issuedTokens` (
  `id` UUID PRIMARY KEY NOT NULL,
  `signInTime` BIGINT NOT NULL,
  `jti` UUID NOT NULL,
  `issuedTime` BIGINT NOT NULL,
  `userId` BIGINT NOT NULL,
  `authenticator` VARCHAR(255),
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL
);

CREATE INDEX ON `@issuedTokens` (`jti`);

CREATE INDEX ON `@issuedTokens` (`authenticator`);

CREATE TABLE `@tokenBlacklist` (
  `id` BIGSERIAL PRIMARY KEY,
  `token` VARCHAR(255),
  `expiration` TIMESTAMPTZ,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL
);

CREATE INDEX ON `@tokenBlacklist` (`token`);

CREATE TABLE `@tokenControlConfig` (
  `key` VARCHAR(255) PRIMARY KEY NOT NULL,
  `config` JSON NOT NULL,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@applicationPlugins` (
  `id` BIGSERIAL PRIMARY KEY,
  `name` VARCHAR(255) UNIQUE,
  `packageName` VARCHAR(255) UNIQUE,
  `version` VARCHAR(255),
  `enabled` BOOLEAN,
  `installed` BOOLEAN,
  `builtIn` BOOLEAN,
  `options` JSON,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL
);

CREATE TABLE `@systemSettings` (
  `id` BIGSERIAL PRIMARY KEY,
  `title` VARCHAR(255),
  `showLogoOnly` BOOLEAN,
  `allowSignUp` BOOLEAN DEFAULT TRUE,
  `smsAuthEnabled` BOOLEAN DEFAULT FALSE,
  `enabledLanguages` JSON DEFAULT '[]',
  `appLang` VARCHAR(255),
  `options` JSON DEFAULT '{}',
  `enableEditProfile` BOOLEAN DEFAULT TRUE,
  `enableChangePassword` BOOLEAN DEFAULT TRUE,
  `roleMode` VARCHAR(255) DEFAULT 'default',
  `logoId` BIGINT,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL
);

CREATE TABLE `@environmentVariables` (
  `name` VARCHAR(255) PRIMARY KEY NOT NULL,
  `type` VARCHAR(255),
  `value` TEXT,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL
);
