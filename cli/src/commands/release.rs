//! `entractl users release NAME`: what an old name left behind, and then the name is free.
//!
//! The agent knows whose the name was; what is left of it on the host this program looks up itself, with the
//! caller's rights. It removes nothing: whoever gets the name next finds it by the name.

use entra_protocol::admin::{Done, ReleasedName, Request};
use serde::Serialize;

use crate::agent::Ask;
use crate::host::Host;
use crate::host::belongings::{Belonging, belongings};
use crate::output::table::{Column, properties, table};
use crate::output::{ProgressLine, Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"released": ReleasedName, "left": [{"what", "place", "seen"}]}`
#[derive(Debug, Serialize)]
pub(crate) struct Released {
    released: ReleasedName,
    left: Vec<Belonging>,
}

pub(crate) fn release(
    ask: Ask<'_>,
    host: &Host,
    name: &str,
    dry_run: bool,
) -> Result<Released, Trouble> {
    let mut question = |dry_run| {
        let request = Request::UsersRelease {
            name: name.to_owned(),
            dry_run,
        };
        match ask(&[request])?.done {
            Done::Released(released) => Ok(released),
            _ => Err(Trouble::WrongAnswer),
        }
    };
    // First whose it was, then what is left of it, and only then is it free.
    let before = question(true)?;
    let looking = ProgressLine::begin("looking for what is left under the name");
    let left = belongings(host, &before.name, before.home.as_deref(), before.id);
    drop(looking);
    let released = if dry_run { before } else { question(false)? };
    Ok(Released { released, left })
}

impl Shown for Released {
    fn text(&self, screen: Screen) -> Text {
        let ReleasedName {
            name,
            kind,
            object_id,
            id,
            home,
            renamed_to,
            released,
            ..
        } = &self.released;
        let mut lines = vec![
            ("Name", name.clone()),
            ("Was", format!("{kind} {object_id}")),
        ];
        if let Some(id) = id {
            lines.push(("Id", format!("{id}, which stays with that object for ever")));
        }
        match (home, renamed_to) {
            (_, Some(other)) => {
                lines.push(("Home", format!("stays with {other}, the name it has now")))
            }
            (Some(home), None) => lines.push(("Home", home.clone())),
            (None, None) => {}
        }
        let mut data = properties(&lines);
        let left = table(
            screen,
            [Column::text("LEFT"), Column::text("WHERE")],
            self.left.iter().map(|one| {
                let place = if one.seen {
                    one.place.clone()
                } else {
                    format!("{} (you may not look there)", one.place)
                };
                [one.what.to_owned(), place]
            }),
        );
        if !left.is_empty() {
            data.push('\n');
            data.push_str(&left);
        }
        let mut talk = Vec::new();
        if !self.left.is_empty() {
            let id = id.map_or_else(String::new, |id| {
                format!(" Files that carry the id {id} are not searched for: find / -uid {id}")
            });
            talk.push(format!(
                "Whoever is called {name} next meets what is left: remove or move it before.{id}"
            ));
        }
        talk.push(if *released {
            format!("{name} is free; the next import gives it to whoever asks for it.")
        } else {
            "A dry run: nothing was changed.".to_owned()
        });
        Text { data, talk }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Answer;

    fn name(released: bool) -> ReleasedName {
        ReleasedName {
            name: "alice".to_owned(),
            kind: "user".to_owned(),
            tenant_id: "t".to_owned(),
            object_id: "o".to_owned(),
            id: Some(u32::MAX),
            home: Some("/home/alice".to_owned()),
            renamed_to: None,
            released,
        }
    }

    #[test]
    fn what_is_left_is_told_and_a_dry_run_frees_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("home/alice")).unwrap();
        let host = Host::below(folder.path(), false, |_| None);
        for dry_run in [true, false] {
            let mut asked = Vec::new();
            let mut ask = |requests: &[Request]| {
                let [
                    Request::UsersRelease {
                        name: asked_for,
                        dry_run,
                    },
                ] = requests
                else {
                    panic!("{requests:?}")
                };
                assert_eq!(asked_for, "alice");
                asked.push(*dry_run);
                Ok(Answer {
                    rows: Vec::new(),
                    done: Done::Released(name(!dry_run)),
                })
            };
            let released = release(&mut ask, &host, "alice", dry_run).unwrap();
            let expected: &[bool] = if dry_run { &[true] } else { &[true, false] };
            assert_eq!(asked, expected);
            let text = released.text(Screen::Plain);
            assert_eq!(
                text.data,
                "Name:  alice\nWas:   user o\n\
                 Id:    4294967295, which stays with that object for ever\nHome:  /home/alice\n\n\
                 LEFT  WHERE\nhome  /home/alice\n"
            );
            let last = text.talk.last().unwrap();
            assert_eq!(last.contains("dry run"), dry_run, "{last}");
        }
    }
}
