CREATE TABLE `@userDataSyncSources` (
  `id` BIGSERIAL PRIMARY KEY,
  `name` VARCHAR(255) NOT NULL UNIQUE,
  `sourceType` VARCHAR(255) NOT NULL,
  `displayName` VARCHAR(255),
  `enabled` BOOLEAN DEFAULT FALSE,
  `options` JSON NOT NULL,
  `sort` BIGINT,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@userDataSyncRecords` (
  `id` BIGSERIAL PRIMARY KEY,
  `sourceName` VARCHAR(255) NOT NULL,
  `sourceUk` VARCHAR(255) NOT NULL,
  `dataType` VARCHAR(255) NOT NULL,
  `metaData` JSON,
  `lastMetaData` JSON,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL
);

CREATE TABLE `@userDataSyncRecordsResources` (
  `id` BIGSERIAL PRIMARY KEY,
  `recordId` BIGINT,
  `resource` VARCHAR(255) NOT NULL,
  `resourcePk` VARCHAR(255),
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL
);

CREATE INDEX ON `@userDataSyncRecordsResources` (`recordId`);

CREATE TABLE `@departments` (
  `id` BIGINT PRIMARY KEY NOT NULL,
  `title` VARCHAR(255),
  `parentId` BIGINT,
  `isLeaf` BOOLEAN,
  `sort` BIGINT,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@departmentsUsers` (
  `departmentId` BIGINT NOT NULL,
  `userId` BIGINT NOT NULL,
  `isOwner` BOOLEAN NOT NULL DEFAULT FALSE,
  `isMain` BOOLEAN NOT NULL DEFAULT FALSE,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (`departmentId`, `userId`)
);

CREATE TABLE `@departmentsRoles` (
  `departmentId` BIGINT NOT NULL,
  `roleName` VARCHAR(255) NOT NULL,
  `createdAt` TIMESTAMPTZ NOT NULL,
  `updatedAt` TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (`departmentId`, `roleName`)
);

ALTER TABLE `@users` ADD COLUMN `mainDepartmentId` BIGINT;

INSERT INTO `@applicationPlugins` (`name`, `enabled`, `createdAt`, `updatedAt`) VALUES
  ('user-data-sync', TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
  ('departments', TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
