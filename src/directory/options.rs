//! What a source says: which app reads what, whom it makes of it, and when.

use secrecy::SecretString;
use serde_json::Value;

use super::schedule::RunSchedule;
use crate::authenticator::{DepartmentFence, Environment, OptionsError, Reader};

/// By what somebody is found who was never read before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UniqueField {
    /// The phone number: exactly one user has it.
    #[default]
    Mobile,
    /// The union id: nobody but who is linked by it.
    UnionId,
}

/// How DingTalk tells of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiveMode {
    /// Not at all.
    #[default]
    Off,
    /// It calls us.
    Callback,
    /// Over a connection that we keep.
    Stream,
}

impl ReceiveMode {
    const ALL: [(&'static str, Self); 3] = [
        ("off", Self::Off),
        ("callback", Self::Callback),
        ("stream", Self::Stream),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, mode)| mode)
    }
}

/// Which of somebody's departments is the main one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MainDepartment {
    /// The first that DingTalk names.
    #[default]
    First,
    /// The one in which they are sorted highest.
    Order,
}

/// What becomes of who has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaversMode {
    /// Their roles are taken and their sessions ended, which can be undone.
    #[default]
    RemoveRoles,
    /// They are deleted.
    Delete,
    /// Nothing; they are told.
    Report,
}

/// What is written of people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// `syncNickname`.
    pub nickname: bool,
    /// `syncPhone`.
    pub phone: bool,
    /// `syncEmail`.
    pub email: bool,
    /// The columns for [`Fields::COLUMNS`], in their order; `None` is not written.
    pub columns: [Option<String>; 4],
}

impl Fields {
    /// The options that name a column: title, number, picture and place of work.
    pub const COLUMNS: [&'static str; 4] = [
        "titleColumn",
        "jobNumberColumn",
        "avatarColumn",
        "workPlaceColumn",
    ];
}

/// The options of a source, templates rendered.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// The authenticator whose app is used; `None` where the source has an app of its own.
    pub authenticator: Option<String>,
    /// DingTalk's AppKey.
    pub client_id: Option<String>,
    /// DingTalk's AppSecret.
    pub client_secret: Option<SecretString>,
    /// `uniqueField`.
    pub unique_field: UniqueField,
    /// `receiveMode`.
    pub receive_mode: ReceiveMode,
    /// What signs DingTalk's callbacks.
    pub token: Option<SecretString>,
    /// What their bodies are encrypted with.
    pub encoding_aes_key: Option<SecretString>,
    /// `schedule` with `scheduleAt`.
    pub schedule: RunSchedule,
    /// `allowDepartments`, `denyDepartments`.
    pub departments: DepartmentFence,
    /// What is written of people.
    pub fields: Fields,
    /// `mainDepartment`.
    pub main_department: MainDepartment,
    /// `keepDepartments`: those given by hand stay.
    pub keep_departments: bool,
    /// `leavers`.
    pub leavers: LeaversMode,
    /// `graceDays`.
    pub grace_days: u32,
    /// `preview`: the first run only shows what it would do.
    pub preview: bool,
}

impl SourceOptions {
    /// Where the options may hold a secret, and what the secret is called where it is kept apart.
    pub const SECRET_PLACES: [(&'static str, &'static str); 3] = [
        ("clientSecret", "source.clientSecret"),
        ("token", "source.token"),
        ("encodingAesKey", "source.encodingAesKey"),
    ];

    /// Reads the stored options; what cannot be followed is an error that names the field.
    pub fn parse(options: &Value, environment: &Environment) -> Result<Self, OptionsError> {
        let reader = Reader { options, environment };
        let mut columns = [const { None }; 4];
        for (column, field) in columns.iter_mut().zip(Fields::COLUMNS) {
            *column = reader.text(field)?;
        }
        Ok(Self {
            authenticator: reader.text("authenticator")?,
            client_id: reader.text("clientId")?,
            client_secret: reader.secret("clientSecret")?,
            unique_field: one_of(
                &reader,
                "uniqueField",
                &[("mobile", UniqueField::Mobile), ("unionId", UniqueField::UnionId)],
            )?,
            receive_mode: one_of(&reader, "receiveMode", &ReceiveMode::ALL)?,
            token: reader.secret("token")?,
            encoding_aes_key: reader.secret("encodingAesKey")?,
            schedule: schedule(&reader)?,
            departments: DepartmentFence {
                allowed: reader.departments("allowDepartments")?,
                denied: reader.departments("denyDepartments")?,
            },
            fields: Fields {
                nickname: reader.flag_or("syncNickname", true)?,
                phone: reader.flag_or("syncPhone", true)?,
                email: reader.flag_or("syncEmail", true)?,
                columns,
            },
            main_department: one_of(
                &reader,
                "mainDepartment",
                &[("first", MainDepartment::First), ("order", MainDepartment::Order)],
            )?,
            keep_departments: reader.flag("keepDepartments")?,
            leavers: one_of(
                &reader,
                "leavers",
                &[
                    ("removeRoles", LeaversMode::RemoveRoles),
                    ("delete", LeaversMode::Delete),
                    ("report", LeaversMode::Report),
                ],
            )?,
            grace_days: reader.number_or("graceDays", 1)?,
            preview: reader.flag_or("preview", true)?,
        })
    }
}

fn one_of<T: Copy + Default>(
    reader: &Reader<'_>,
    field: &'static str,
    all: &[(&str, T)],
) -> Result<T, OptionsError> {
    let Some(text) = reader.text(field)? else {
        return Ok(T::default());
    };
    let found = all.iter().find(|(name, _)| *name == text);
    found
        .map(|(_, value)| *value)
        .ok_or(OptionsError::Malformed { field })
}

fn schedule(reader: &Reader<'_>) -> Result<RunSchedule, OptionsError> {
    const AT: &str = "scheduleAt";
    let at = reader.text(AT)?;
    let at = at.as_deref().unwrap_or(RunSchedule::DEFAULT_TIME);
    let at = RunSchedule::time(at).ok_or(OptionsError::Malformed { field: AT })?;
    one_of(
        reader,
        "schedule",
        &[
            ("off", RunSchedule::Off),
            ("hourly", RunSchedule::Hourly),
            ("sixHours", RunSchedule::SixHours),
            ("daily", RunSchedule::Daily(at)),
        ],
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(options: &Value) -> Result<SourceOptions, OptionsError> {
        SourceOptions::parse(options, &Environment::new(Vec::new(), None))
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        for options in [
            json!({}),
            json!({"uniqueField": "", "graceDays": "", "preview": ""}),
        ] {
            let parsed = parse(&options).unwrap();

            assert_eq!(parsed.unique_field, UniqueField::Mobile);
            assert_eq!(parsed.receive_mode, ReceiveMode::Off);
            assert_eq!(parsed.schedule, RunSchedule::Off);
            assert_eq!(parsed.leavers, LeaversMode::RemoveRoles);
            assert_eq!(parsed.main_department, MainDepartment::First);
            assert!(parsed.fields.nickname && parsed.fields.phone && parsed.fields.email && parsed.preview);
            assert!(!parsed.keep_departments && parsed.departments.is_open());
            assert_eq!(parsed.grace_days, 1);
        }
    }

    #[test]
    fn every_option_is_read() {
        let parsed = parse(&json!({
            "authenticator": " dingtalk ", "uniqueField": "unionId", "receiveMode": "stream", "schedule": "daily",
            "scheduleAt": "23:05", "allowDepartments": "7, 8", "denyDepartments": "9", "syncNickname": false,
            "syncPhone": "false", "syncEmail": true, "jobNumberColumn": "jobNumber", "mainDepartment": "order",
            "keepDepartments": true, "leavers": "delete", "graceDays": 7, "preview": false,
        }))
        .unwrap();

        assert_eq!(parsed.authenticator.as_deref(), Some("dingtalk"));
        assert_eq!(
            parsed.schedule,
            RunSchedule::Daily(RunSchedule::time("23:05").unwrap())
        );
        assert_eq!(parsed.departments.allowed, [7, 8].into());
        assert!(!parsed.fields.nickname && !parsed.fields.phone && parsed.fields.email);
        assert_eq!(parsed.fields.columns[1].as_deref(), Some("jobNumber"));
        assert_eq!(
            (parsed.leavers, parsed.grace_days, parsed.preview),
            (LeaversMode::Delete, 7, false)
        );
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_name() {
        for (options, field) in [
            (json!({"uniqueField": "email"}), "uniqueField"),
            (json!({"receiveMode": true}), "receiveMode"),
            (json!({"schedule": "weekly"}), "schedule"),
            (json!({"scheduleAt": "25:00"}), "scheduleAt"),
            (json!({"allowDepartments": "sales"}), "allowDepartments"),
            (json!({"graceDays": -1}), "graceDays"),
            (json!({"graceDays": "soon"}), "graceDays"),
            (json!({"leavers": "all"}), "leavers"),
            (json!({"preview": "perhaps"}), "preview"),
        ] {
            assert_eq!(parse(&options).unwrap_err().field(), field);
        }
    }
}
