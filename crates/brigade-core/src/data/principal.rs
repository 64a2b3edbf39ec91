//! Who is asking. A credential becomes a [`Principal`] once, at the door; everything after it asks the principal and never
//! sees the credential.

/// The role that may do everything, operations included. It is never given by brigade.toml, only by a credential.
pub const SERVICE: &str = "service";

/// What showed who is asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Credential {
    /// Nothing: no credentials were sent, or nobody asks for any.
    #[default]
    None,
    /// A signed token of somebody's who may vouch.
    Token,
    /// A key that this project made.
    ApiKey,
    /// The token of a session that this project keeps.
    Session,
    /// The server's own token, from the lock file.
    Server,
}

/// Who is asking: id, tenant, tier, roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// What showed it.
    pub credential: Credential,
    /// Its id among those of the same kind of credential; none for who did not say.
    pub id: Option<String>,
    /// Whose data it works on, where an application has several customers.
    pub tenant: Option<String>,
    /// Which quota it has.
    pub tier: Option<String>,
    /// What it may do is what any of these may.
    pub roles: Vec<String>,
}

impl Principal {
    /// Who brigade itself is, and whoever could read the lock file.
    pub fn server() -> Self {
        Self { credential: Credential::Server, roles: vec![SERVICE.to_owned()], ..Self::default() }
    }

    /// Whether it may do everything.
    pub fn is_service(&self) -> bool {
        self.roles.iter().any(|role| role == SERVICE)
    }

    /// Whether it came without credentials: what it may not do, it may be able to do with some.
    pub fn is_anonymous(&self) -> bool {
        self.credential == Credential::None
    }

    /// A name that no two principals share, for what is kept or counted for each of them; empty without credentials. Who has
    /// no id is known by its roles. Names are quoted, so that no tenant's name can run into an id.
    pub fn name(&self) -> String {
        let kind = match self.credential {
            Credential::None => return String::new(),
            Credential::Token => "user",
            Credential::ApiKey => "apikey",
            Credential::Session => "session",
            Credential::Server => "server",
        };
        let id = self.id.as_ref().map_or_else(|| format!("{:?}", self.roles), |id| format!("{id:?}"));
        match &self.tenant {
            Some(tenant) => format!("{kind}:{id}@{tenant:?}"),
            None => format!("{kind}:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_principals_share_a_name() {
        let texts = [None, Some(""), Some("a"), Some("a\"@\"b"), Some("\0")];
        let mut names = std::collections::BTreeSet::new();
        let credentials = [Credential::Token, Credential::ApiKey, Credential::Session, Credential::Server];
        for credential in credentials {
            for id in texts {
                for tenant in texts {
                    let [id, tenant] = [id, tenant].map(|text| text.map(str::to_owned));
                    let roles = if id.is_some() { vec![Vec::new()] } else { vec![vec![], vec!["a"], vec!["a", "b"]] };
                    for roles in roles {
                        let roles = roles.into_iter().map(str::to_owned).collect();
                        let (id, tenant) = (id.clone(), tenant.clone());
                        let name = Principal { credential, id, tenant, roles, tier: None }.name();
                        assert!(!name.contains('\0'), "a store may not be able to hold it");
                        assert!(names.insert(name.clone()), "{name}");
                    }
                }
            }
        }
        assert_eq!(Principal::default().name(), "");
    }
}
