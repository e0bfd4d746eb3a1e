CREATE TABLE IF NOT EXISTS "userDataSyncRecords" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "sourceName" VARCHAR(255) NOT NULL,
  "sourceUk" VARCHAR(255) NOT NULL,
  "dataType" VARCHAR(255) NOT NULL,
  "metaData" JSON,
  "lastMetaData" JSON,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL
);

CREATE INDEX IF NOT EXISTS "userDataSyncRecords_sourceUk" ON "userDataSyncRecords" ("sourceUk");

CREATE TABLE IF NOT EXISTS "userDataSyncRecordsResources" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "recordId" BIGINT,
  "resource" VARCHAR(255) NOT NULL,
  "resourcePk" VARCHAR(255),
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL
);

CREATE INDEX IF NOT EXISTS "userDataSyncRecordsResources_recordId" ON "userDataSyncRecordsResources" ("recordId");

CREATE TABLE IF NOT EXISTS "departments" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "title" VARCHAR(255),
  "parentId" BIGINT,
  "isLeaf" TINYINT(1),
  "sort" BIGINT,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  "createdById" BIGINT,
  "updatedById" BIGINT
);

CREATE INDEX IF NOT EXISTS "departments_parentId" ON "departments" ("parentId");

CREATE TABLE IF NOT EXISTS "departmentsUsers" (
  "departmentId" BIGINT NOT NULL,
  "userId" BIGINT NOT NULL,
  "isOwner" TINYINT(1) NOT NULL DEFAULT 0,
  "isMain" TINYINT(1) NOT NULL DEFAULT 0,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  PRIMARY KEY ("departmentId", "userId")
);

CREATE INDEX IF NOT EXISTS "departmentsUsers_userId" ON "departmentsUsers" ("userId");

CREATE TABLE IF NOT EXISTS "departmentsRoles" (
  "departmentId" BIGINT NOT NULL,
  "roleName" VARCHAR(255) NOT NULL,
  "createdAt" DATETIME NOT NULL,
  "updatedAt" DATETIME NOT NULL,
  PRIMARY KEY ("departmentId", "roleName")
);

CREATE TABLE IF NOT EXISTS "dingtalk_directory" (
  "source" BIGINT NOT NULL,
  "name" VARCHAR(191) NOT NULL,
  "value" TEXT NOT NULL,
  "at" BIGINT NOT NULL,
  PRIMARY KEY ("source", "name")
);

CREATE TABLE IF NOT EXISTS "dingtalk_events" (
  "source" BIGINT NOT NULL,
  "id" VARCHAR(191) NOT NULL,
  "type" VARCHAR(64) NOT NULL,
  "subjects" TEXT NOT NULL,
  "received" BIGINT NOT NULL,
  "done" BIGINT,
  PRIMARY KEY ("source", "id")
);

CREATE TABLE IF NOT EXISTS "dingtalk_changes" (
  "source" BIGINT NOT NULL,
  "position" BIGINT NOT NULL,
  "kind" VARCHAR(32) NOT NULL,
  "uid" VARCHAR(191) NOT NULL,
  "name" VARCHAR(255),
  "user_id" BIGINT,
  "detail" TEXT NOT NULL,
  PRIMARY KEY ("source", "position")
);
