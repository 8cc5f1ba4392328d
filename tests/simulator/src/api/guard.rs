//! Who may pass. What it says is plain text, because it speaks before any handler does.

use jiff::Timestamp;

use super::{Answer, Call};
use crate::{
    state::users::{ADMIN, OPERATOR},
    token::{Claims, Signer, TokenKind},
};

/// Who may use an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever is logged in.
    Anyone,
    /// Admins and operators.
    Staff,
    /// Admins.
    Admin,
}

/// Open even to those who must set a new password first.
const ALWAYS_OPEN: [&str; 2] = ["/api/v1/users/me/password", "/api/v1/auth/me"];

/// Lets a caller pass, by what its token says; the user itself is not looked up.
pub(super) fn admit(
    signer: &Signer,
    call: &Call,
    access: Access,
    now: Timestamp,
) -> Result<Claims, Answer> {
    let token = call.authorization.as_deref().and_then(bearer);
    let token = token.ok_or_else(|| Answer::text(401, "Authorization header required"))?;
    let claims = signer
        .verify(token, TokenKind::Access, now)
        .map_err(|_| Answer::text(401, "Invalid or expired token"))?;
    if claims.must_change_password && !ALWAYS_OPEN.contains(&call.path.as_str()) {
        return Err(Answer::text(403, &must_change(&claims.username)));
    }
    match (access, claims.role.as_str()) {
        (Access::Anyone, _) | (_, ADMIN) | (Access::Staff, OPERATOR) => Ok(claims),
        (Access::Staff, _) => Err(Answer::text(403, "Insufficient permissions")),
        (Access::Admin, _) => Err(Answer::text(403, "Admin access required")),
    }
}

fn must_change(name: &str) -> String {
    format!(
        "account \"{name}\" must set a new password before performing other operations; \
         run 'dfsctl user change-password' (as \"{name}\") to set one"
    )
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_headers_carry_tokens() {
        for (header, want) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("Basic abc", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(bearer(header), want, "{header:?}");
        }
    }
}
