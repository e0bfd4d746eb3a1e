//! TLS to the database: what its certificate must prove, and what ours are, from NocoBase's settings.

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use secrecy::ExposeSecret;

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

/// Tells PostgreSQL's driver.
pub(in crate::nocobase) fn of_postgres(options: PgConnectOptions, ssl: &SslSettings) -> PgConnectOptions {
    let options = options.ssl_mode(match verification(ssl) {
        Verification::Off => PgSslMode::Disable,
        Verification::Opportunistic => PgSslMode::Prefer,
        Verification::Encrypted => PgSslMode::Require,
        Verification::Authority => PgSslMode::VerifyCa,
        Verification::AuthorityAndName => PgSslMode::VerifyFull,
    });
    let (ca, cert, key) = of(ssl);
    let options = given(
        options,
        ca,
        |options, pem| options.ssl_root_cert_from_pem(pem.into()),
        |options, path| options.ssl_root_cert(path),
    );
    let options = given(
        options,
        cert,
        |options, pem| options.ssl_client_cert_from_pem(pem),
        |options, path| options.ssl_client_cert(path),
    );
    given(
        options,
        key,
        |options, pem| options.ssl_client_key_from_pem(pem),
        |options, path| options.ssl_client_key(path),
    )
}

/// Tells MySQL's driver.
pub(in crate::nocobase) fn of_mysql(options: MySqlConnectOptions, ssl: &SslSettings) -> MySqlConnectOptions {
    let options = options.ssl_mode(match verification(ssl) {
        Verification::Off => MySqlSslMode::Disabled,
        Verification::Opportunistic => MySqlSslMode::Preferred,
        Verification::Encrypted => MySqlSslMode::Required,
        Verification::Authority => MySqlSslMode::VerifyCa,
        Verification::AuthorityAndName => MySqlSslMode::VerifyIdentity,
    });
    let (ca, cert, key) = of(ssl);
    let options = given(
        options,
        ca,
        |options, pem| options.ssl_ca_from_pem(pem.into()),
        |options, path| options.ssl_ca(path),
    );
    let options = given(
        options,
        cert,
        |options, pem| options.ssl_client_cert_from_pem(pem),
        |options, path| options.ssl_client_cert(path),
    );
    given(
        options,
        key,
        |options, pem| options.ssl_client_key_from_pem(pem),
        |options, path| options.ssl_client_key(path),
    )
}

/// Authority, certificate and key.
fn of(ssl: &SslSettings) -> (Option<&str>, Option<&str>, Option<&str>) {
    let key = ssl.key.as_ref().map(ExposeSecret::expose_secret);
    (ssl.ca.as_deref(), ssl.cert.as_deref(), key)
}

/// NocoBase takes certificates and keys as text or as the path of a file.
fn given<O>(options: O, value: Option<&str>, pem: fn(O, &str) -> O, path: fn(O, &str) -> O) -> O {
    match value {
        Some(text) if text.contains("-----BEGIN") => pem(options, text),
        Some(name) => path(options, name),
        None => options,
    }
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
