//! Scenes of `local-auth`.

use entra_protocol::admin::{
    Check, CheckState, Done, ExemptAccount, GateMode, GateTrial, LocalAuth, LocalAuthDone, Reply,
    Request, Row,
};

use crate::documents::done;
use crate::scenes::{Page, Scene, one, scene};

pub(crate) fn gate(gate: GateMode) -> LocalAuth {
    LocalAuth {
        gate,
        in_effect: true,
        set_at: Some("2026-03-02T08:15:02Z".into()),
        trial: None,
        exempt: vec![
            ExemptAccount {
                name: "rescue".into(),
                proven_at: None,
                proof: None,
                counts: false,
            },
            ExemptAccount {
                name: "root".into(),
                proven_at: Some("2026-03-01T18:00:00Z".into()),
                proof: Some("password".into()),
                counts: true,
            },
        ],
        shut_out: Vec::new(),
        shut_out_total: 0,
    }
}

pub(crate) fn scenes() -> Vec<Scene> {
    let answer = |local_auth, changed| {
        done(Done::LocalAuth(Box::new(LocalAuthDone {
            local_auth,
            changed,
        })))
    };
    let tried = || LocalAuth {
        trial: Some(GateTrial {
            ends: "2026-03-02T08:25:02Z".into(),
            seconds_left: 600,
            before: GateMode::Allow,
        }),
        ..shut()
    };
    fn shut() -> LocalAuth {
        LocalAuth {
            shut_out: vec!["lars".into(), "mira".into()],
            shut_out_total: 2,
            ..gate(GateMode::Deny)
        }
    }
    let check = |name: &str, state, found: &str, cure: Option<&str>| {
        Reply::Row(Row::Check(Check {
            about: "host".into(),
            name: name.into(),
            state,
            found: found.into(),
            cure: cure.map(str::to_owned),
            reference: None,
        }))
    };
    let on = || {
        let found = "Entra ID sign-in is switched on";
        check("entra-sign-in", CheckState::Good, found, None)
    };
    let carol = || {
        let found = "carol signed in here through Entra ID at 2026-03-01T18:00:00Z";
        check("administrator", CheckState::Good, found, None)
    };
    let proven = || {
        let found = "root was proven at 2026-03-01T18:00:00Z";
        check("break-glass", CheckState::Good, found, None)
    };
    let nobody = check(
        "administrator",
        CheckState::Bad,
        "no administrator has signed in here through Entra ID yet",
        Some("sign in once as an administrator, over ssh for instance"),
    );
    let set = |gate, try_seconds, dry_run| Request::LocalAuthSet {
        gate,
        try_seconds,
        dry_run,
    };
    let exempt = |exempt| Request::LocalAuthExempt {
        name: "rescue".into(),
        exempt,
    };
    let without_rescue = || {
        let mut state = gate(GateMode::Allow);
        state.exempt.remove(0);
        state
    };
    vec![
        one(
            "local-auth show",
            &[],
            Request::LocalAuthShow {},
            vec![answer(tried(), false)],
        ),
        one(
            "local-auth set",
            &["deny", "--try", "10m"],
            set(GateMode::Deny, Some(600), false),
            vec![on(), carol(), proven(), answer(tried(), true)],
        ),
        one(
            "local-auth set",
            &["deny"],
            set(GateMode::Deny, None, false),
            vec![on(), nobody, proven(), answer(gate(GateMode::Allow), false)],
        ),
        one(
            "local-auth set",
            &["fallback", "--dry-run"],
            set(GateMode::Fallback, None, true),
            vec![
                on(),
                carol(),
                proven(),
                answer(
                    LocalAuth {
                        gate: GateMode::Fallback,
                        ..shut()
                    },
                    false,
                ),
            ],
        ),
        one(
            "local-auth set",
            &["allow"],
            set(GateMode::Allow, None, false),
            vec![answer(gate(GateMode::Allow), true)],
        ),
        one(
            "local-auth confirm",
            &[],
            Request::LocalAuthConfirm {},
            vec![on(), carol(), proven(), answer(shut(), true)],
        ),
        Scene {
            page: Page::HelpOnly("It reads /etc/shadow; see `commands/local_auth.rs`."),
            ..scene("local-auth prove", &[], vec![])
        },
        one(
            "local-auth exempt add",
            &["rescue"],
            exempt(true),
            vec![answer(gate(GateMode::Allow), true)],
        ),
        one(
            "local-auth exempt remove",
            &["rescue"],
            exempt(false),
            vec![answer(without_rescue(), true)],
        ),
    ]
}
