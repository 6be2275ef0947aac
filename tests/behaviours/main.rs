//! Behaviours of a whole host, one file each.
//!
//! Run by `cargo xtask test`, which makes the host image first. Every test boots a
//! host of its own, so that none sees what another did.

mod adopt_local_account;
mod agent_away;
mod as_installed;
mod bad_answers;
mod configured;
mod console_login;
mod crash_safety;
mod credentials;
mod cron_jobs;
mod damaged_snapshot;
mod delta_rounds;
mod device_code_fronts;
mod doctor;
mod groups_select;
mod history;
mod hostile_names;
mod hosts_boot;
mod ids_across_hosts;
mod killed_import;
mod load;
mod managed_identity;
mod microsoft_graph_sdk;
mod msal;
mod names_reach_one_account;
mod pam_calls;
mod pam_wiring;
mod pam_wiring_broken;
mod password_for_other_modules;
mod polkit;
mod posix_attributes;
mod proxy;
mod ready;
mod refusals;
mod resolve;
mod roles;
mod root_and_local_users;
mod schedule;
mod screen_locker;
mod sessions;
mod several_tenants;
mod shrink_guard;
mod sign_in_device_code;
mod sign_in_methods;
mod sign_in_password;
mod slow_networks;
mod structure_kept;
mod su;
mod sudo;
mod throttle;
mod user_manager;
mod wrong_password_once;
