//! The physical names of NocoBase's tables and columns.
//!
//! NocoBase writes camel case (`usersAuthenticators`.`createdAt`); `DB_UNDERSCORED` turns both into snake case,
//! `DB_TABLE_PREFIX` is put in front of tables, `DB_SCHEMA` qualifies them on PostgreSQL.

use sea_orm::sea_query::{Alias, DynIden, IntoIden, IntoTableRef, TableRef};

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($variant:ident = $camel:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::nocobase) enum $type { $($variant),+ }

        impl $type {
            /// NocoBase's own spelling, whatever the database uses.
            pub(in crate::nocobase) const fn camel(self) -> &'static str {
                match self { $(Self::$variant => $camel),+ }
            }
        }
    };
}

names! {
    /// A table of NocoBase.
    Table {
        ApplicationPlugins = "applicationPlugins",
        Authenticators = "authenticators",
        // Our own, spelt alike with and without `DB_UNDERSCORED`.
        DingTalkChanges = "dingtalk_changes",
        DingTalkDirectory = "dingtalk_directory",
        DingTalkEvents = "dingtalk_events",
        DingTalkSecrets = "dingtalk_secrets",
        Departments = "departments",
        DepartmentsRoles = "departmentsRoles",
        DepartmentsUsers = "departmentsUsers",
        EnvironmentVariables = "environmentVariables",
        IssuedTokens = "issuedTokens",
        Roles = "roles",
        RolesUsers = "rolesUsers",
        SystemSettings = "systemSettings",
        TokenBlacklist = "tokenBlacklist",
        TokenControlConfig = "tokenControlConfig",
        UserDataSyncRecords = "userDataSyncRecords",
        UserDataSyncRecordsResources = "userDataSyncRecordsResources",
        UserDataSyncSources = "userDataSyncSources",
        Users = "users",
        UsersAuthenticators = "usersAuthenticators",
    }
}

names! {
    /// A column of one of the tables.
    Column {
        AllowConfigure = "allowConfigure",
        AllowNewMenu = "allowNewMenu",
        AllowSignUp = "allowSignUp",
        AppLang = "appLang",
        At = "at",
        AuthType = "authType",
        Authenticator = "authenticator",
        Avatar = "avatar",
        BuiltIn = "builtIn",
        ChangedUser = "user_id",
        Config = "config",
        CreatedAt = "createdAt",
        CreatedById = "createdById",
        DataType = "dataType",
        Default = "default",
        DepartmentId = "departmentId",
        Description = "description",
        Detail = "detail",
        DisplayName = "displayName",
        Done = "done",
        Email = "email",
        EnableChangePassword = "enableChangePassword",
        EnableEditProfile = "enableEditProfile",
        Enabled = "enabled",
        EnabledLanguages = "enabledLanguages",
        Expiration = "expiration",
        Hidden = "hidden",
        Id = "id",
        Installed = "installed",
        IsMain = "isMain",
        IsOwner = "isOwner",
        IssuedTime = "issuedTime",
        Jti = "jti",
        Key = "key",
        Kind = "kind",
        LastMetaData = "lastMetaData",
        MainDepartmentId = "mainDepartmentId",
        Meta = "meta",
        MetaData = "metaData",
        Name = "name",
        Nickname = "nickname",
        Options = "options",
        PackageName = "packageName",
        ParentId = "parentId",
        Password = "password",
        PasswordChangeTz = "passwordChangeTz",
        Phone = "phone",
        Position = "position",
        Received = "received",
        RecordId = "recordId",
        Resource = "resource",
        ResourcePk = "resourcePk",
        RoleMode = "roleMode",
        RoleName = "roleName",
        ShowLogoOnly = "showLogoOnly",
        SignInTime = "signInTime",
        SmsAuthEnabled = "smsAuthEnabled",
        Snippets = "snippets",
        Sort = "sort",
        Source = "source",
        SourceName = "sourceName",
        SourceType = "sourceType",
        SourceUk = "sourceUk",
        Strategy = "strategy",
        Subjects = "subjects",
        SystemSettings = "systemSettings",
        Title = "title",
        Token = "token",
        Type = "type",
        Uid = "uid",
        UpdatedAt = "updatedAt",
        UpdatedById = "updatedById",
        UserId = "userId",
        Username = "username",
        Uuid = "uuid",
        Value = "value",
        Version = "version",
    }
}

impl Column {
    /// True where the database holds JSON, which must be cast to text to be read alike everywhere.
    pub(in crate::nocobase) const fn is_json(self) -> bool {
        matches!(
            self,
            Self::Config
                | Self::EnabledLanguages
                | Self::LastMetaData
                | Self::Meta
                | Self::MetaData
                | Self::Options
                | Self::Snippets
                | Self::Strategy
                | Self::SystemSettings
        )
    }
}

/// How this database spells the names.
#[derive(Clone, Debug, Default)]
pub(in crate::nocobase) struct Names {
    pub(in crate::nocobase) schema: Option<String>,
    pub(in crate::nocobase) prefix: String,
    pub(in crate::nocobase) underscored: bool,
}

impl Names {
    /// The bare name of a table, without its schema.
    pub(in crate::nocobase) fn table(&self, table: Table) -> String {
        format!("{}{}", self.prefix, self.spell(table.camel()))
    }

    /// The name of a column.
    pub(in crate::nocobase) fn column(&self, column: Column) -> String {
        self.spell(column.camel())
    }

    /// A column as sea-query takes it.
    pub(in crate::nocobase) fn iden(&self, column: Column) -> DynIden {
        Alias::new(self.column(column)).into_iden()
    }

    /// A table as sea-query takes it, with its schema.
    pub(in crate::nocobase) fn table_ref(&self, table: Table) -> TableRef {
        let name = Alias::new(self.table(table));
        match &self.schema {
            Some(schema) => (Alias::new(schema.as_str()), name).into_table_ref(),
            None => name.into_table_ref(),
        }
    }

    fn spell(&self, camel: &str) -> String {
        if !self.underscored {
            return camel.to_owned();
        }
        let mut snake = String::with_capacity(camel.len() + 4);
        for character in camel.chars() {
            if character.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        }
        snake
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_nocobases_own_by_default() {
        let names = Names::default();

        assert_eq!(names.table(Table::UsersAuthenticators), "usersAuthenticators");
        assert_eq!(names.column(Column::PasswordChangeTz), "passwordChangeTz");
    }

    #[test]
    fn underscored_names_keep_the_prefix_as_it_is() {
        let names = Names {
            schema: None,
            prefix: "nbT_".to_owned(),
            underscored: true,
        };

        assert_eq!(
            names.table(Table::UsersAuthenticators),
            "nbT_users_authenticators"
        );
        assert_eq!(names.column(Column::CreatedById), "created_by_id");
    }
}
