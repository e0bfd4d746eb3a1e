//! Checks of links: whether they hold what people are recognized by.

use super::finding::Finding;
use crate::nocobase::LinkKinds;

/// Nothing to say where nothing is left to convert.
pub(super) fn check_former_links(kinds: LinkKinds) -> Option<Finding> {
    if kinds.former() == 0 {
        return None;
    }
    let finding = Finding::warning(
        "former-links",
        "Links that do not hold the Union ID yet: {{count}} (phone numbers: {{mobile}}, user IDs: {{userId}}, unknown kind: {{unknown}}).",
    )
    .with("count", kinds.former().to_string())
    .with("mobile", kinds.mobile.to_string())
    .with("userId", kinds.user_id.to_string())
    .with("unknown", kinds.unknown.to_string())
    .advise(
        "Each is converted when its person signs in. Remove the links of people who have left, and keep the permission qyapi_get_member while user IDs are left.",
    );
    Some(finding)
}
