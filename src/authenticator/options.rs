//! The options of a DingTalk authenticator, read from its row.

use secrecy::SecretString;
use serde_json::Value;

use super::auto_login::AutoLogin;
use super::environment::Environment;
use super::option_reader::{OptionsError, Reader};
use super::people_rules::PeopleRules;
use crate::nocobase::SubjectKind;

/// An authenticator's options, templates rendered.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a box that an administrator ticks"
)]
pub struct AuthenticatorOptions {
    /// `public.autoSignup`: people without a user here get one.
    pub auto_signup: bool,
    /// `clientId`, DingTalk's AppKey.
    pub client_id: Option<String>,
    /// `clientSecret`, DingTalk's AppSecret.
    pub client_secret: Option<SecretString>,
    /// `subject`.
    pub subject: SubjectKind,
    /// `corpId`: only members of this organization may sign in.
    pub corp_id: Option<String>,
    /// `exclusiveLogin`: people sign in with the accounts that this organization gave them.
    pub exclusive_login: bool,
    /// `agentId`, DingTalk's number of the app inside the organization; links into DingTalk name it.
    pub agent_id: Option<String>,
    /// `autoLogin` with `autoLoginType`.
    pub auto_login: Option<AutoLogin>,
    /// `callbackOrigin`, as scheme, host and port without a slash behind.
    pub callback_origin: Option<String>,
    /// `bindAdministrators`: users who may configure the site are linked by phone number too.
    pub bind_administrators: bool,
    /// `membershipAtRenewal`.
    pub membership: AskMembership,
    /// Who may come in, what new people get, and what follows DingTalk.
    pub rules: PeopleRules,
    /// `public.qrCode`: the sign-in page offers a code to scan beside the button.
    pub qr_code: bool,
    /// Present while the row still lives on the settings of the community plugin; `client_id`, `client_secret` and
    /// `subject` are then taken from those.
    pub community: Option<CommunityOptions>,
}

/// When DingTalk is asked whether somebody still belongs to the organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskMembership {
    /// When they sign in.
    #[default]
    AtSignIn,
    /// Also while their sessions go on: who has left loses those, too.
    AtRenewal,
}

/// What matters of a row made by the community plugin (`internal.*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommunityOptions {
    /// True when it looked for users by phone number, false when by e-mail address.
    pub matches_by_mobile: bool,
}

impl AuthenticatorOptions {
    /// Reads the stored options. Empty texts count as missing; what is missing is for the caller to miss.
    pub fn parse(options: &Value, environment: &Environment) -> Result<Self, OptionsError> {
        let reader = Reader { options, environment };
        let mut parsed = Self {
            auto_signup: reader.flag("public.autoSignup")?,
            client_id: reader.text("clientId")?,
            client_secret: reader.secret("clientSecret")?,
            subject: reader.subject()?,
            corp_id: reader.text("corpId")?,
            exclusive_login: reader.flag("exclusiveLogin")?,
            agent_id: reader.text("agentId")?,
            auto_login: reader.auto_login()?,
            callback_origin: reader.origin("callbackOrigin")?,
            bind_administrators: reader.flag("bindAdministrators")?,
            membership: if reader.flag("membershipAtRenewal")? {
                AskMembership::AtRenewal
            } else {
                AskMembership::AtSignIn
            },
            rules: PeopleRules::parse(options, environment)?,
            qr_code: reader.flag("public.qrCode")?,
            community: None,
        };
        if parsed.client_id.is_none() {
            parsed.take_over_community_options(&reader)?;
        }
        Ok(parsed)
    }

    /// The community plugin bound people by their DingTalk user id, whatever it looked them up by.
    fn take_over_community_options(&mut self, reader: &Reader<'_>) -> Result<(), OptionsError> {
        let Some(app_key) = reader.text("internal.appKey")? else {
            return Ok(());
        };
        let check_type = reader.text("internal.userCheckType")?;
        self.client_id = Some(app_key);
        self.client_secret = reader.secret("internal.appSecret")?;
        self.subject = SubjectKind::UserId;
        self.community = Some(CommunityOptions {
            // Its default was the organization's e-mail address; all but the two kinds of address meant the phone.
            matches_by_mobile: !matches!(check_type.as_deref(), None | Some("orgEmail" | "personalEmail")),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;
    use crate::aes_key::AesKey;
    use crate::entropy::Entropy;
    use crate::nocobase::{EnvironmentVariable, KeptSecret};

    fn variable(name: &str, secret: bool, value: &str) -> EnvironmentVariable {
        EnvironmentVariable {
            name: name.to_owned(),
            secret,
            value: value.to_owned(),
        }
    }

    fn environment() -> Environment {
        let variables = vec![
            variable("ID", false, "dingfromenv"),
            variable("YES", false, "true"),
        ];
        Environment::new(variables, None)
    }

    fn parse(options: &Value) -> AuthenticatorOptions {
        AuthenticatorOptions::parse(options, &environment()).unwrap()
    }

    #[test]
    fn empty_options_are_all_defaults() {
        for options in [
            json!({}),
            json!(null),
            json!({"clientId": "", "corpId": " ", "public": {}}),
        ] {
            let parsed = parse(&options);

            assert_eq!(parsed.membership, AskMembership::AtSignIn);
            assert_eq!(parsed.subject, SubjectKind::UnionId);
            assert!(parsed.client_id.is_none() && parsed.corp_id.is_none() && parsed.client_secret.is_none());
            assert!(parsed.agent_id.is_none() && parsed.auto_login.is_none());
            assert!(!parsed.auto_signup && !parsed.bind_administrators && parsed.community.is_none());
            assert!(!parsed.qr_code);
        }
    }

    #[test]
    fn every_option_is_read_and_its_templates_rendered() {
        let parsed = parse(&json!({
            "public": {"autoSignup": true, "qrCode": true}, "clientId": "{{$env.ID}}", "clientSecret": " s3cret\n", "subject": "mobile",
            "corpId": "ding9", "agentId": " 2468 ", "autoLogin": true,
            "exclusiveLogin": "{{ $env.YES }}", "callbackOrigin": "https://Example.com:443/", "bindAdministrators": "{{ $env.YES }}",
            "membershipAtRenewal": true,
        }));

        assert_eq!(parsed.client_id.as_deref(), Some("dingfromenv"));
        assert_eq!(parsed.client_secret.as_ref().unwrap().expose_secret(), "s3cret");
        assert_eq!(parsed.subject, SubjectKind::Mobile);
        assert_eq!(parsed.agent_id.as_deref(), Some("2468"));
        assert_eq!(parsed.auto_login, Some(AutoLogin::Internal));
        assert_eq!(parsed.callback_origin.as_deref(), Some("https://example.com"));
        assert!(parsed.auto_signup && parsed.bind_administrators && parsed.exclusive_login);
        assert_eq!(parsed.membership, AskMembership::AtRenewal);
        assert!(parsed.qr_code);
        assert!(!format!("{parsed:?}").contains("s3cret"));
    }

    #[test]
    fn automatic_login_asks_the_client_unless_the_settings_say_otherwise() {
        for (options, expected) in [
            (json!({"autoLogin": true}), Some(AutoLogin::Internal)),
            (
                json!({"autoLogin": "{{$env.YES}}", "autoLoginType": "internal"}),
                Some(AutoLogin::Internal),
            ),
            (
                json!({"autoLogin": true, "autoLoginType": "oauth"}),
                Some(AutoLogin::OAuth),
            ),
            (json!({"autoLogin": false, "autoLoginType": "oauth"}), None),
            (json!({"autoLoginType": "internal"}), None),
        ] {
            assert_eq!(parse(&options).auto_login, expected, "{options}");
        }
    }

    #[test]
    fn values_of_the_wrong_kind_are_refused_by_name() {
        for (options, field) in [
            (json!({"subject": "email"}), "subject"),
            (json!({"clientId": 7}), "clientId"),
            (json!({"agentId": 7}), "agentId"),
            (json!({"exclusiveLogin": "perhaps"}), "exclusiveLogin"),
            (json!({"membershipAtRenewal": "perhaps"}), "membershipAtRenewal"),
            (json!({"autoLogin": "perhaps"}), "autoLogin"),
            (json!({"autoLoginType": "silent"}), "autoLoginType"),
            (json!({"public": {"autoSignup": "perhaps"}}), "public.autoSignup"),
            (json!({"public": {"qrCode": "perhaps"}}), "public.qrCode"),
            (json!({"callbackOrigin": "example.com"}), "callbackOrigin"),
            (
                json!({"callbackOrigin": "https://example.com/path"}),
                "callbackOrigin",
            ),
            (
                json!({"callbackOrigin": "https://u@example.com"}),
                "callbackOrigin",
            ),
            (json!({"callbackOrigin": "javascript:alert(1)"}), "callbackOrigin"),
        ] {
            let error = AuthenticatorOptions::parse(&options, &environment()).unwrap_err();

            assert_eq!(error.field(), field);
        }
    }

    #[test]
    fn rows_of_the_community_plugin_are_bound_by_user_id() {
        for (check_type, matches_by_mobile) in [
            (json!(null), false),
            (json!("orgEmail"), false),
            (json!("personalEmail"), false),
            (json!("phone"), true),
        ] {
            let parsed = parse(&json!({
                "internal": {"appKey": "dingold", "appSecret": "old", "userCheckType": check_type},
            }));

            assert_eq!(parsed.client_id.as_deref(), Some("dingold"));
            assert_eq!(parsed.subject, SubjectKind::UserId);
            assert_eq!(parsed.community, Some(CommunityOptions { matches_by_mobile }));
        }
    }

    #[test]
    fn secrets_kept_apart_are_read_and_may_refer_to_variables() {
        let key = AesKey::from_bytes(&[7; 32]).unwrap();
        let entropy = Entropy::seeded(1);
        let kept = |place: &str, secret: &str| KeptSecret {
            place: place.to_owned(),
            value: key.encrypt(secret, &entropy).unwrap(),
        };
        let environment = Environment::new(vec![variable("ID", false, "ding1")], Some(&key)).with_kept(&[
            kept("clientSecret", "s3cret-{{$env.ID}}"),
            kept("internal.appSecret", "old"),
        ]);
        let secret = |options: Value| {
            let parsed = AuthenticatorOptions::parse(&options, &environment).unwrap();
            parsed
                .client_secret
                .map(|secret| secret.expose_secret().to_owned())
        };

        let ours = secret(json!({"clientId": "ding1", "clientSecret": "********"}));
        let community = secret(json!({"internal": {"appKey": "dingold", "appSecret": "********"}}));

        assert_eq!(ours.as_deref(), Some("s3cret-ding1"));
        assert_eq!(community.as_deref(), Some("old"));
    }

    #[test]
    fn a_mask_without_a_secret_behind_it_is_no_secret() {
        let parsed = parse(&json!({"clientId": "ding1", "clientSecret": "********"}));

        assert!(parsed.client_secret.is_none());
    }

    #[test]
    fn a_secret_kept_apart_under_another_key_is_told() {
        let [key, other] = [[7; 32], [8; 32]].map(|bytes| AesKey::from_bytes(&bytes).unwrap());
        let kept = [KeptSecret {
            place: "clientSecret".to_owned(),
            value: key.encrypt("s3cret", &Entropy::seeded(1)).unwrap(),
        }];

        for key in [None, Some(&other)] {
            let environment = Environment::new(Vec::new(), key).with_kept(&kept);
            let options = json!({"clientId": "ding1", "clientSecret": "********"});

            let error = AuthenticatorOptions::parse(&options, &environment).unwrap_err();

            assert!(
                matches!(
                    error,
                    OptionsError::Locked {
                        field: "clientSecret",
                        ..
                    }
                ),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_secret_variable_stands_nowhere_but_in_the_secret() {
        let key = AesKey::from_bytes(&[7; 32]).unwrap();
        let stored = key.encrypt("s3cret", &Entropy::seeded(1)).unwrap();
        let environment = Environment::new(vec![variable("S", true, &stored)], Some(&key));
        let template = "x{{ $env.S }}";
        for (options, field) in [
            (json!({"clientId": template}), "clientId"),
            (json!({"corpId": template}), "corpId"),
            (json!({"agentId": template}), "agentId"),
            (json!({"autoLoginType": template}), "autoLoginType"),
            (json!({"callbackOrigin": template}), "callbackOrigin"),
            (json!({"subject": template}), "subject"),
            (json!({"public": {"autoSignup": template}}), "public.autoSignup"),
            (json!({"internal": {"appKey": template}}), "internal.appKey"),
        ] {
            let error = AuthenticatorOptions::parse(&options, &environment).unwrap_err();

            assert!(matches!(error, OptionsError::Public { .. }), "{error:?}");
            assert_eq!(error.field(), field);
        }
        let options = json!({"clientId": "ding1", "clientSecret": template});
        let parsed = AuthenticatorOptions::parse(&options, &environment).unwrap();
        assert_eq!(parsed.client_secret.unwrap().expose_secret(), "xs3cret");
    }

    #[test]
    fn settings_of_our_own_end_the_community_row() {
        let parsed = parse(&json!({"clientId": "dingnew", "internal": {"appKey": "dingold"}}));

        assert_eq!(parsed.client_id.as_deref(), Some("dingnew"));
        assert_eq!(parsed.subject, SubjectKind::UnionId);
        assert_eq!(parsed.community, None);
    }
}
