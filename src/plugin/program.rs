//! A program that the package brings along, and the machines it is for.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A kind of machine, under Node's names for operating system and processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// 64-bit Intel and AMD.
    LinuxX64,
    /// 64-bit ARM.
    LinuxArm64,
}

impl Platform {
    /// All that a package may hold a program for.
    pub const ALL: [Self; 2] = [Self::LinuxX64, Self::LinuxArm64];

    /// The platform of this very program; `None` where NocoBase could not run it from a package.
    pub fn current() -> Option<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(Self::LinuxX64),
            ("linux", "aarch64") => Some(Self::LinuxArm64),
            _ => None,
        }
    }

    /// `<process.platform>-<process.arch>`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinuxX64 => "linux-x64",
            Self::LinuxArm64 => "linux-arm64",
        }
    }

    /// The processor's number in the head of an ELF file (`e_machine`).
    const fn machine(self) -> u16 {
        match self {
            Self::LinuxX64 => 62,
            Self::LinuxArm64 => 183,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Platform {
    type Err = ProgramError;

    fn from_str(text: &str) -> Result<Self, ProgramError> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.name() == text)
            .ok_or_else(|| ProgramError::UnknownPlatform(text.to_owned()))
    }
}

/// Where this program runs, under Node's names for it as far as a package could hold it.
pub fn platform_name() -> String {
    Platform::current().map_or_else(
        || format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
        |platform| platform.to_string(),
    )
}

/// Why a file cannot go into the package as a program.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// Not one of [`Platform::ALL`].
    #[error("a package cannot hold a program for {0}: linux-x64 and linux-arm64 are the platforms")]
    UnknownPlatform(String),
    /// The file cannot be read.
    #[error("the program {} cannot be read", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no program, or one for other machines.
    #[error("{} is no program for {platform}", path.display())]
    NotForPlatform {
        /// Its path.
        path: PathBuf,
        /// What it was given for.
        platform: Platform,
    },
}

/// A program for one platform.
pub struct Program {
    platform: Platform,
    bytes: Vec<u8>,
}

impl Program {
    /// Reads a file, and looks whether its head is that of a program for the platform.
    pub fn read(platform: Platform, path: &Path) -> Result<Self, ProgramError> {
        let bytes = fs::read(path).map_err(|source| ProgramError::Read {
            path: path.to_owned(),
            source,
        })?;
        if is_program(platform, &bytes) {
            Ok(Self { platform, bytes })
        } else {
            Err(ProgramError::NotForPlatform {
                path: path.to_owned(),
                platform,
            })
        }
    }

    /// What it runs on.
    pub const fn platform(&self) -> Platform {
        self.platform
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// In hexadecimal digits, as the plugin compares it before each start.
    pub(super) fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }
}

/// The head of an ELF file (System V ABI): magic, 64 bits, little endian, an executable, for this processor.
fn is_program(platform: Platform, bytes: &[u8]) -> bool {
    const MAGIC_CLASS_ORDER: &[u8] = b"\x7fELF\x02\x01";
    const EXECUTABLE: u16 = 2;
    const POSITION_INDEPENDENT: u16 = 3;
    let number = |at: usize| Some(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    bytes.starts_with(MAGIC_CLASS_ORDER)
        && matches!(number(16), Some(EXECUTABLE | POSITION_INDEPENDENT))
        && number(18) == Some(platform.machine())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a program for a platform, and nothing else.
    fn stub(platform: Platform) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        bytes.extend(3_u16.to_le_bytes());
        bytes.extend(platform.machine().to_le_bytes());
        bytes.resize(64, 0);
        bytes
    }

    #[test]
    fn only_a_program_for_the_platform_is_one() {
        for platform in Platform::ALL {
            for built_for in Platform::ALL {
                assert_eq!(
                    is_program(platform, &stub(built_for)),
                    platform == built_for,
                    "{built_for} as {platform}"
                );
            }
            let mut shared_object_of_32_bits = stub(platform);
            shared_object_of_32_bits[4] = 1;
            let mut big_endian = stub(platform);
            big_endian[5] = 2;
            let mut core_file = stub(platform);
            core_file[16] = 4;
            for (bytes, what) in [
                (shared_object_of_32_bits, "32 bits"),
                (big_endian, "big endian"),
                (core_file, "a core file"),
                (stub(platform)[..19].to_vec(), "a head cut off"),
                (b"#!/bin/sh\n".to_vec(), "a script"),
                (Vec::new(), "nothing"),
            ] {
                assert!(!is_program(platform, &bytes), "{what}");
            }
        }
    }

    #[test]
    fn a_platform_has_nodes_name_and_no_other() {
        for platform in Platform::ALL {
            assert_eq!(platform.name().parse::<Platform>().unwrap(), platform);
        }
        for text in ["linux", "linux-x86_64", "darwin-arm64", ""] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_running_test_is_a_program_for_this_machine() {
        let Some(platform) = Platform::current() else {
            return;
        };

        assert!(Program::read(platform, &std::env::current_exe().unwrap()).is_ok());
    }
}
