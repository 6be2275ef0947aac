//! Gives the library the name that glibc loads, and links the unwinder in.
//!
//! glibc opens `libnss_entra.so.2` for the word `entra` in nsswitch.conf; the
//! soname says the same, so that ldconfig keeps the name.
//!
//! The standard library asks the linker for `-lgcc_s`. Loading that shared
//! library costs each short-lived process of the host about twice what the
//! module itself costs. A linker script of that name, in a folder that is
//! searched first, turns the request into the static `libgcc_eh`, which every
//! gcc brings along. Panics unwind as before.

use std::io;
use std::path::PathBuf;

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnss_entra.so.2");
    let folder = std::env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("cargo gave no OUT_DIR"))?;
    std::fs::write(folder.join("libgcc_s.so"), "INPUT(-lgcc_eh)\n")?;
    println!("cargo:rustc-link-search=native={}", folder.display());
    Ok(())
}
