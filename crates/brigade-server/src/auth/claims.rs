//! What a verified token says of its principal.

use brigade::{
    data::{Credential, Principal},
    limits::{CLAIM_BYTES_MAX, ROLES_MAX},
    schema::AuthConfig,
};
use serde_json::{Map, Value};

use super::{Refused, refusal::Why};

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// Who a token is about. One without a role has that of a stranger, and its own id.
///
/// # Errors
/// [`Why::Claim`] for an id, a tenant, a tier or a role that is no short text.
pub fn principal(claims: &Claims, auth: &AuthConfig) -> Result<Principal, Refused> {
    let roles = match find(claims, &auth.role_claim) {
        None | Some(Value::Null) => auth.anonymous.iter().cloned().collect(),
        Some(Value::Array(roles)) if roles.len() <= ROLES_MAX => {
            roles.iter().map(text).collect::<Result<Vec<_>, _>>()?
        }
        Some(role) => vec![text(role)?],
    };
    let optional = |claim: &str| match find(claims, claim) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => text(value).map(Some),
    };
    Ok(Principal {
        credential: Credential::Token,
        id: optional("sub")?,
        tenant: optional(&auth.tenant_claim)?,
        tier: optional(&auth.tier_claim)?,
        roles,
    })
}

/// A claim by its name; where there is none of it, by its path through objects.
fn find<'c>(claims: &'c Claims, path: &str) -> Option<&'c Value> {
    claims.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        find(claims.get(first)?.as_object()?, rest)
    })
}

fn text(value: &Value) -> Result<String, Refused> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= CLAIM_BYTES_MAX => Ok(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        _ => Err(Refused::new(Why::Claim)),
    }
}
