CREATE TABLE `@userDataSyncSources` (
  `id` BIGINT AUTO_INCREMENT PRIMARY KEY,
  `name` VARCHAR(255) NOT NULL UNIQUE,
  `sourceType` VARCHAR(255) NOT NULL,
  `displayName` VARCHAR(255),
  `enabled` TINYINT(1) DEFAULT 0,
  `options` JSON NOT NULL,
  `sort` BIGINT,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@userDataSyncRecords` (
  `id` BIGINT AUTO_INCREMENT PRIMARY KEY,
  `sourceName` VARCHAR(255) NOT NULL,
  `sourceUk` VARCHAR(255) NOT NULL,
  `dataType` VARCHAR(255) NOT NULL,
  `metaData` JSON,
  `lastMetaData` JSON,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL
);

CREATE TABLE `@userDataSyncRecordsResources` (
  `id` BIGINT AUTO_INCREMENT PRIMARY KEY,
  `recordId` BIGINT,
  `resource` VARCHAR(255) NOT NULL,
  `resourcePk` VARCHAR(255),
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL
);

CREATE INDEX `resources_record_id` ON `@userDataSyncRecordsResources` (`recordId`);

CREATE TABLE `@departments` (
  `id` BIGINT PRIMARY KEY NOT NULL,
  `title` VARCHAR(255),
  `parentId` BIGINT,
  `isLeaf` TINYINT(1),
  `sort` BIGINT,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL,
  `createdById` BIGINT,
  `updatedById` BIGINT
);

CREATE TABLE `@departmentsUsers` (
  `departmentId` BIGINT NOT NULL,
  `userId` BIGINT NOT NULL,
  `isOwner` TINYINT(1) NOT NULL DEFAULT 0,
  `isMain` TINYINT(1) NOT NULL DEFAULT 0,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL,
  PRIMARY KEY (`departmentId`, `userId`)
);

CREATE TABLE `@departmentsRoles` (
  `departmentId` BIGINT NOT NULL,
  `roleName` VARCHAR(255) NOT NULL,
  `createdAt` DATETIME NOT NULL,
  `updatedAt` DATETIME NOT NULL,
  PRIMARY KEY (`departmentId`, `roleName`)
);

ALTER TABLE `@users` ADD COLUMN `mainDepartmentId` BIGINT;

INSERT INTO `@applicationPlugins` (`name`, `enabled`, `createdAt`, `updatedAt`) VALUES
  ('user-data-sync', TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00'),
  ('departments', TRUE, '2026-01-01 00:00:00', '2026-01-01 00:00:00');
