//! `entractl` as it is run: the built program against a scripted agent on a real Unix socket.
//!
//! One file per behaviour. What a text or a table looks like in detail is tested beside its code; here it
//! is exit codes, which stream says what, documents, and agents that misbehave.

#[cfg(test)]
mod bulk;
#[cfg(test)]
mod completions;
#[cfg(test)]
mod documents;
mod gate_scenes;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod ids;
#[cfg(test)]
mod man_pages;
#[cfg(test)]
mod misbehaving_agents;
#[cfg(test)]
mod readers_who_leave;
#[cfg(test)]
mod refusals;
mod role_scenes;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod terminals;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod verbs;
#[cfg(test)]
mod wrong_lines;
