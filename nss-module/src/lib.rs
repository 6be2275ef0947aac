//! nss-module
