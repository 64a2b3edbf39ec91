//! Certificates for a server that is reached encrypted: an authority, one certificate that it signed, and an authority that
//! has nothing to do with it. Made by `openssl`, which every packaged PostgreSQL brings.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::process::{NOBODY, is_root, run};

/// The files, in a folder of their own.
#[derive(Debug)]
pub struct Certificates {
    /// The authority that signed the server's certificate.
    pub authority: PathBuf,
    /// An authority that did not.
    pub stranger: PathBuf,
    pub(in crate::servers) server: PathBuf,
    pub(in crate::servers) key: PathBuf,
}

impl Certificates {
    /// Makes them. The server's is for `localhost` alone.
    pub(in crate::servers) fn make(folder: &Path) -> Result<Self> {
        let file = |name: &str| folder.join(name);
        let made = Self {
            authority: file("authority.pem"),
            stranger: file("stranger.pem"),
            server: file("server.pem"),
            key: file("server.key"),
        };
        sign(
            "/CN=brigade test authority",
            &made.authority,
            &file("authority.key"),
            &["basicConstraints=critical,CA:TRUE"],
            None,
        )?;
        sign(
            "/CN=another authority",
            &made.stranger,
            &file("stranger.key"),
            &["basicConstraints=critical,CA:TRUE"],
            None,
        )?;
        let own = ["basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:localhost"];
        sign("/CN=localhost", &made.server, &made.key, &own, Some((&made.authority, &file("authority.key"))))?;
        if is_root() {
            run(Command::new("chown").arg(NOBODY).arg(&made.key))?;
        }
        run(Command::new("chmod").arg("600").arg(&made.key))?;
        Ok(made)
    }
}

fn sign(subject: &str, to: &Path, key: &Path, extensions: &[&str], by: Option<(&Path, &Path)>) -> Result<()> {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.args(["-subj", subject]).arg("-out").arg(to).arg("-keyout").arg(key);
    for extension in extensions {
        command.args(["-addext", extension]);
    }
    if let Some((authority, key)) = by {
        command.arg("-CA").arg(authority).arg("-CAkey").arg(key);
    }
    run(&mut command)
}
