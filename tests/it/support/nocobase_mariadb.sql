CREATE TABLE `@users` (
  `id` BIGINT AUTO_INCREMENT PRIMARY KEY,
  `nickname` VARCHAR(255),
  `username` VARCHAR(255) UNIQUE,
  `email` VARCHAR(255) UNIQUE,
  `phone` VARCHAR(255) UNIQUE,
  `password` VARCHAR(255),
  `passwordChangeTz` BIGINT,
  `appLang` VARCHAR(255),
  `resetToken` VARCHAR(255) UNIQUE,
  `systemSettings` JSON,
  `sort` BIGINT,
  `createdAt` DATETIME(3),
  `updatedAt` DATETIME(3),
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@roles` (
  `name` VARCHAR(255) PRIMARY KEY NOT NULL,
  `title` VARCHAR(255) UNIQUE,
  `description` VARCHAR(255),
  `strategy` JSON,
  `default` TINYINT(1) DEFAULT 0,
  `hidden` TINYINT(1) DEFAULT 0,
  `allowConfigure` TINYINT(1),
  `allowNewMenu` TINYINT(1),
  `snippets` JSON,
  `sort` BIGINT,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL
);

CREATE TABLE `@rolesUsers` (
  `roleName` VARCHAR(255) NOT NULL,
  `userId` BIGINT NOT NULL,
  `default` TINYINT(1),
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL,
  PRIMARY KEY (`roleName`, `userId`)
);

CREATE INDEX `rolesUsers_userId` ON `@rolesUsers` (`userId`);

CREATE TABLE `@authenticators` (
  `id` BIGINT AUTO_INCREMENT PRIMARY KEY,
  `name` VARCHAR(255) NOT NULL UNIQUE,
  `authType` VARCHAR(255) NOT NULL,
  `title` VARCHAR(255),
  `description` VARCHAR(255) NOT NULL DEFAULT '',
  `options` JSON NOT NULL,
  `enabled` TINYINT(1) DEFAULT 0,
  `sort` BIGINT,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@usersAuthenticators` (
  `authenticator` VARCHAR(255) NOT NULL,
  `userId` BIGINT NOT NULL,
  `uuid` VARCHAR(255) NOT NULL,
  `nickname` VARCHAR(255) NOT NULL DEFAULT '',
  `avatar` VARCHAR(255) NOT NULL DEFAULT '',
  `meta` JSON,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT,
  PRIMARY KEY (`authenticator`, `userId`)
);

CREATE TABLE `@issuedTokens` (
  `id` CHAR(36) BINARY PRIMARY KEY NOT NULL,
  `signInTime` BIGINT NOT NULL,
  `jti` CHAR(36) BINARY NOT NULL,
  `issuedTime` BIGINT NOT NULL,
  `userId` BIGINT NOT NULL,
  `authenticator` VARCHAR(255),
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL
);

CREATE INDEX `issuedTokens_jti` ON `@issuedTokens` (`jti`);

CREATE INDEX `issuedTokens_authenticator` ON `@issuedTokens` (`authenticator`);

CREATE TABLE `@tokenBlacklist` (
  `id` BIGINT AUTO_INCREMENT PRIMARY KEY,
  `token` VARCHAR(255),
  `expiration` DATETIME(3),
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL
);

CREATE INDEX `tokenBlacklist_token` ON `@tokenBlacklist` (`token`);

CREATE TABLE `@tokenControlConfig` (
  `key` VARCHAR(255) PRIMARY KEY NOT NULL,
  `config` JSON NOT NULL,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@applicationPlugins` (
  `id` BIGINT AUTO_INCREMENT PRIMARY KEY,
  `name` VARCHAR(255) UNIQUE,
  `packageName` VARCHAR(255) UNIQUE,
  `version` VARCHAR(255),
  `enabled` TINYINT(1),
  `installed` TINYINT(1),
  `builtIn` TINYINT(1),
  `options` JSON,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL
);

CREATE TABLE `@systemSettings` (
  `id` BIGINT AUTO_INCREMENT PRIMARY KEY,
  `title` VARCHAR(255),
  `showLogoOnly` TINYINT(1),
  `allowSignUp` TINYINT(1) DEFAULT 1,
  `smsAuthEnabled` TINYINT(1) DEFAULT 0,
  `enabledLanguages` JSON,
  `appLang` VARCHAR(255),
  `options` JSON,
  `enableEditProfile` TINYINT(1) DEFAULT 1,
  `enableChangePassword` TINYINT(1) DEFAULT 1,
  `roleMode` VARCHAR(255) DEFAULT 'default',
  `logoId` BIGINT,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL
);

CREATE TABLE `@environmentVariables` (
  `name` VARCHAR(255) PRIMARY KEY NOT NULL,
  `type` VARCHAR(255),
  `value` TEXT,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL
);
