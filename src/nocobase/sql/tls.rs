//! What the database's certificate must prove, from NocoBase's settings.

use sea_orm::sqlx::mysql::MySqlSslMode;
use sea_orm::sqlx::postgres::PgSslMode;

use super::settings::{SslMode, SslSettings};

/// What the settings ask of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verification {
    /// No TLS at all.
    Off,
    /// TLS where the server offers it, as without any setting.
    Opportunistic,
    /// TLS with any certificate.
    Encrypted,
    Authority,
    AuthorityAndName,
}

fn verification(ssl: &SslSettings) -> Verification {
    let insists = ssl.reject_unauthorized == Some(true);
    // Node, and so NocoBase, checks whatever it is given something to check with.
    let can_check = ssl.ca.is_some() && ssl.reject_unauthorized != Some(false);
    match ssl.mode {
        Some(SslMode::Disable) => Verification::Off,
        Some(SslMode::VerifyCa) => Verification::Authority,
        Some(SslMode::VerifyFull) => Verification::AuthorityAndName,
        Some(SslMode::Allow | SslMode::Prefer | SslMode::Require) if insists || can_check => {
            Verification::AuthorityAndName
        }
        Some(SslMode::Require) => Verification::Encrypted,
        None if ssl.reject_unauthorized == Some(false) => Verification::Encrypted,
        None if ssl.ca.is_some() || ssl.cert.is_some() || insists => Verification::AuthorityAndName,
        Some(SslMode::Allow | SslMode::Prefer) | None => Verification::Opportunistic,
    }
}

/// What PostgreSQL's driver is told.
pub(in crate::nocobase) fn postgres_ssl_mode(ssl: &SslSettings) -> PgSslMode {
    match verification(ssl) {
        Verification::Off => PgSslMode::Disable,
        Verification::Opportunistic => PgSslMode::Prefer,
        Verification::Encrypted => PgSslMode::Require,
        Verification::Authority => PgSslMode::VerifyCa,
        Verification::AuthorityAndName => PgSslMode::VerifyFull,
    }
}

/// What MySQL's driver is told.
pub(in crate::nocobase) fn mysql_ssl_mode(ssl: &SslSettings) -> MySqlSslMode {
    match verification(ssl) {
        Verification::Off => MySqlSslMode::Disabled,
        Verification::Opportunistic => MySqlSslMode::Preferred,
        Verification::Encrypted => MySqlSslMode::Required,
        Verification::Authority => MySqlSslMode::VerifyCa,
        Verification::AuthorityAndName => MySqlSslMode::VerifyIdentity,
    }
}

/// NocoBase takes certificates and keys as text or as the path of a file.
pub(in crate::nocobase) fn is_pem(value: &str) -> bool {
    value.contains("-----BEGIN")
}

#[cfg(test)]
mod tests {
    use super::super::settings::SslModeError;
    use super::*;

    fn asked(mode: Option<&str>, ca: bool, reject_unauthorized: Option<bool>) -> Verification {
        verification(&SslSettings {
            mode: mode.map(|mode| mode.parse().unwrap()),
            ca: ca.then(|| "ca.pem".to_owned()),
            reject_unauthorized,
            ..SslSettings::default()
        })
    }

    #[test]
    fn a_certificate_is_checked_wherever_the_settings_give_something_to_check_it_with() {
        assert_eq!(asked(None, false, None), Verification::Opportunistic);
        assert_eq!(asked(None, true, None), Verification::AuthorityAndName);
        assert_eq!(asked(None, false, Some(true)), Verification::AuthorityAndName);
        assert_eq!(asked(None, true, Some(false)), Verification::Encrypted);
        assert_eq!(asked(Some("disable"), true, Some(true)), Verification::Off);
        assert_eq!(asked(Some("prefer"), false, None), Verification::Opportunistic);
        assert_eq!(asked(Some("require"), false, None), Verification::Encrypted);
        assert_eq!(
            asked(Some("require"), true, Some(true)),
            Verification::AuthorityAndName
        );
        for mode in ["allow", "prefer", "require"] {
            assert_eq!(
                asked(Some(mode), true, None),
                Verification::AuthorityAndName,
                "{mode}"
            );
            assert_eq!(
                asked(Some(mode), false, Some(true)),
                Verification::AuthorityAndName,
                "{mode}"
            );
        }
        assert_eq!(
            asked(Some("verify-ca"), true, Some(false)),
            Verification::Authority
        );
        assert_eq!(
            asked(Some("verify-full"), true, None),
            Verification::AuthorityAndName
        );
    }
    #[test]
    fn a_mode_that_nobody_knows_is_not_a_weaker_one() {
        for text in ["verify_full", "VERIFY-FULL", "VERIFY_IDENTITY", "nonsense", ""] {
            assert_eq!(text.parse::<SslMode>(), Err(SslModeError), "{text}");
        }
    }
}
