//! Why a command did not do what it was asked.

use std::path::PathBuf;

use nocobase_dingtalk::app::StartError;
use nocobase_dingtalk::config::ConfigError;
use nocobase_dingtalk::plugin;

/// Why the command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the package could not be made")]
    Package(#[from] plugin::PackageError),
    #[error("the package could not be made")]
    Program(#[from] plugin::ProgramError),
    #[error(
        "this program cannot be packed for NocoBase, since it runs on another system; name one with --program"
    )]
    NoProgram,
    #[error("the file of this program cannot be found")]
    OwnFile(#[source] std::io::Error),
    #[error("{} could not be written", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("something is wrong; see the findings")]
    Findings,
    #[error("the sidecar at {0} is not well")]
    NotWell(std::net::SocketAddr, #[source] std::io::Error),
    #[error("there is no first password to show: it was used, or INIT_ROOT_PASSWORD set one")]
    NoFirstPassword,
    #[error("the answer could not be written")]
    Output(#[source] std::io::Error),
    #[error("the server failed")]
    Run(#[source] std::io::Error),
    #[error("the runtime could not be started")]
    Runtime(#[source] std::io::Error),
}
