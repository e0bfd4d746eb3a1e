use std::collections::{BTreeSet, HashMap};

use super::{Deed, Plan, PlanRules, Reason};
use crate::dingtalk::Place;
use crate::directory::known::{Emails, KnownLinks, KnownSite, Records, holders};
use crate::directory::left::Left;
use crate::directory::options::{Fields, MainDepartment, UniqueField};
use crate::directory::person::Person;
use crate::directory::record::{self, LeftOut, Shape};
use crate::directory::snapshot::{Node, Snapshot};
use crate::directory::source::LinkTo;
use crate::nocobase::{LinkSource, SubjectKind, SyncRecord, UserId, record_hash};

fn fields() -> Fields {
    Fields {
        nickname: true,
        phone: true,
        email: true,
        ..Fields::default()
    }
}

fn link() -> LinkTo {
    LinkTo {
        authenticator: "dingtalk".to_owned(),
        source: LinkSource {
            kind: SubjectKind::UnionId,
            client_id: "ding1".to_owned(),
            corp_id: None,
        },
        may_administrators: false,
        default_role: None,
    }
}

fn person(name: &str, phone: Option<&str>) -> Person {
    Person {
        union_id: Some(format!("union-{name}").into()),
        name: Some(name.into()),
        phone: phone.map(Into::into),
        email: None,
        columns: None,
        places: [Place {
            department: 1,
            leads: false,
            order: None,
        }]
        .into(),
    }
}

fn recorded(uid: &str, hash: [u8; 32], user: i64) -> SyncRecord {
    SyncRecord {
        id: user,
        uid: uid.to_owned(),
        hash,
        resource: Some(user),
        exists: true,
    }
}

/// Plans for these people, in an organization of one department.
fn plan(people: &[(&str, Person)], known: &KnownSite, unique_field: UniqueField) -> Plan {
    let (fields, link, departments) = (fields(), link(), BTreeSet::from([1]));
    let rules = PlanRules {
        shape: Shape {
            fields: &fields,
            main: MainDepartment::First,
            departments: Some(&departments),
        },
        unique_field,
        link: Some(&link),
    };
    let people: HashMap<Box<str>, Person> = people
        .iter()
        .map(|(uid, person)| ((*uid).into(), person.clone()))
        .collect();
    let snapshot = Snapshot {
        departments: [(1, node("All", None))].into(),
        roots: vec![1],
        ..Snapshot::default()
    };
    Plan::of(&snapshot, people, known, &rules)
}

fn node(name: &str, parent: Option<i64>) -> Node {
    Node {
        name: name.into(),
        parent,
    }
}

fn hash_of(uid: &str, person: &Person) -> [u8; 32] {
    let (fields, departments) = (fields(), BTreeSet::from([1]));
    let shape = Shape {
        fields: &fields,
        main: MainDepartment::First,
        departments: Some(&departments),
    };
    record_hash(&record::person(uid, person, LeftOut::default(), &shape))
}

fn actions(plan: &Plan) -> Vec<(&str, Deed)> {
    plan.people.iter().map(|step| (&*step.uid, step.action)).collect()
}

fn users(phones: &[(i64, &str)]) -> KnownSite {
    KnownSite {
        phones: holders(
            phones
                .iter()
                .map(|(user, phone)| (UserId(*user), (*phone).to_owned()))
                .collect(),
        ),
        ..KnownSite::default()
    }
}

#[test]
fn who_is_known_by_nothing_is_new_and_who_has_one_users_number_is_that_user() {
    let known = users(&[(7, "+86 139-1111-0002")]);

    let plan = plan(
        &[
            ("a", person("a", Some("13911110001"))),
            ("b", person("b", Some("13911110002"))),
            ("c", person("c", None)),
        ],
        &known,
        UniqueField::Mobile,
    );

    assert_eq!(
        actions(&plan),
        [
            ("a", Deed::Create),
            ("b", Deed::Link(UserId(7))),
            ("c", Deed::Skip(Reason::NoPhone))
        ]
    );
    assert!(plan.people[1].links && plan.leavers.is_empty());
}

#[test]
fn nobody_is_guessed_by_a_number_that_is_not_theirs_alone() {
    let mut known = users(&[
        (7, "13911110002"),
        (8, "+86-13911110002"),
        (9, "13911110003"),
        (10, "13911110004"),
        (11, "13911110005"),
    ]);
    known.administrators.insert(UserId(9));
    known.links = KnownLinks::new(vec![("union-of-another".to_owned(), UserId(10))]);
    known.people = Records::new(vec![recorded("gone", [0; 32], 11)]);

    let plan = plan(
        &[
            ("shared1", person("x", Some("13911110001"))),
            ("shared2", person("y", Some("13911110001"))),
            ("ambiguous", person("b", Some("13911110002"))),
            ("administrator", person("c", Some("13911110003"))),
            ("linked", person("d", Some("13911110004"))),
            ("recorded", person("e", Some("13911110005"))),
        ],
        &known,
        UniqueField::Mobile,
    );

    assert_eq!(
        actions(&plan),
        [
            ("administrator", Deed::Skip(Reason::Administrator)),
            ("ambiguous", Deed::Skip(Reason::PhoneAmbiguous)),
            ("linked", Deed::Skip(Reason::PhoneTaken)),
            ("recorded", Deed::Skip(Reason::PhoneTaken)),
            ("shared1", Deed::Skip(Reason::PhoneShared)),
            ("shared2", Deed::Skip(Reason::PhoneShared)),
        ]
    );
}

#[test]
fn by_the_union_id_alone_nobody_becomes_a_user_for_their_number() {
    let known = users(&[(7, "13911110002")]);
    let mut nameless = person("c", Some("13911110003"));
    nameless.union_id = None;

    let plan = plan(
        &[
            ("a", person("a", None)),
            ("b", person("b", Some("13911110002"))),
            ("c", nameless),
        ],
        &known,
        UniqueField::UnionId,
    );

    assert_eq!(
        actions(&plan),
        [
            ("a", Deed::Create),
            ("b", Deed::Skip(Reason::PhoneTaken)),
            ("c", Deed::Skip(Reason::NoUnionId))
        ]
    );
}

#[test]
fn whom_nothing_has_changed_of_is_kept_and_everybody_else_follows() {
    let (same, other) = (person("a", Some("13911110001")), person("b", Some("13911110002")));
    let mut known = users(&[(7, "13911110001"), (8, "13911110002")]);
    known.people = Records::new(vec![
        recorded("a", hash_of("a", &same), 7),
        recorded("b", hash_of("b", &person("former", Some("13911110002"))), 8),
    ]);

    let plan = plan(&[("a", same), ("b", other)], &known, UniqueField::Mobile);

    assert_eq!(
        actions(&plan),
        [("a", Deed::Keep(UserId(7))), ("b", Deed::Change(UserId(8)))]
    );
    assert_eq!(plan.known_people, 2);
    assert!(plan.told.is_empty());
}

#[test]
fn a_link_leads_to_the_user_also_under_a_new_user_id_and_then_nobody_has_left() {
    let mut known = KnownSite {
        links: KnownLinks::new(vec![("union-a".to_owned(), UserId(7))]),
        ..KnownSite::default()
    };
    known.people = Records::new(vec![recorded("former", [0; 32], 7)]);

    let plan = plan(&[("new", person("a", None))], &known, UniqueField::Mobile);

    assert_eq!(actions(&plan), [("new", Deed::Link(UserId(7)))]);
    assert!(plan.leavers.is_empty() && !plan.people[0].links);
}

#[test]
fn a_user_is_not_two_people() {
    let known = KnownSite {
        links: KnownLinks::new(vec![("union-b".to_owned(), UserId(7))]),
        people: Records::new(vec![recorded("a", [0; 32], 7)]),
        ..KnownSite::default()
    };

    let plan = plan(
        &[("a", person("a", None)), ("b", person("b", None))],
        &known,
        UniqueField::Mobile,
    );

    assert_eq!(
        actions(&plan),
        [
            ("a", Deed::Change(UserId(7))),
            ("b", Deed::Skip(Reason::UserTaken))
        ]
    );
}

#[test]
fn who_was_taken_out_and_is_there_again_comes_back_and_who_still_is_not_is_not_taken_out_twice() {
    let left = |user| Left {
        user_id: UserId(user),
        roles: vec!["member".to_owned()],
        at: 1,
    };
    let mut known = KnownSite {
        people: Records::new(vec![recorded("a", [0; 32], 7), recorded("b", [0; 32], 8)]),
        ..KnownSite::default()
    };
    known.left = [("a".to_owned(), left(7)), ("b".to_owned(), left(8))].into();

    let plan = plan(&[("a", person("a", None))], &known, UniqueField::Mobile);

    assert_eq!(actions(&plan), [("a", Deed::Restore(UserId(7)))]);
    assert!(plan.leavers.is_empty());
}

#[test]
fn whoever_has_a_record_and_is_not_there_has_left_unless_their_user_is_gone() {
    let mut dead = recorded("dead", [0; 32], 9);
    dead.exists = false;
    let mut known = KnownSite {
        people: Records::new(vec![recorded("a", [0; 32], 7), recorded("b", [0; 32], 8), dead]),
        ..KnownSite::default()
    };
    known.missing = [("a".to_owned(), 1), ("b".to_owned(), 1)].into();

    let plan = plan(&[("a", person("a", None))], &known, UniqueField::Mobile);

    let leavers: Vec<_> = plan.leavers.iter().map(|leaver| leaver.uid.as_str()).collect();
    assert_eq!(leavers, ["b"]);
    assert_eq!(plan.found_again, ["a"]);
}

#[test]
fn a_number_or_an_address_of_another_user_is_left_out_and_told() {
    let mut known = users(&[(7, "13911110001"), (8, "13911110002")]);
    known.people = Records::new(vec![recorded("a", [0; 32], 7)]);
    known.emails = Emails::new(vec![(UserId(8), "taken@example.com".to_owned())]);
    let mut changed = person("a", Some("13911110002"));
    changed.email = Some("Taken@Example.com".into());

    let plan = plan(&[("a", changed)], &known, UniqueField::Mobile);

    assert_eq!(actions(&plan), [("a", Deed::Change(UserId(7)))]);
    assert_eq!(
        plan.people[0].left_out,
        LeftOut {
            phone: true,
            email: true
        }
    );
    let told: Vec<_> = plan.told.iter().map(|told| told.reason).collect();
    assert_eq!(told, [Reason::PhoneTaken, Reason::EmailTaken]);
}

#[test]
fn departments_are_made_changed_and_removed_parents_first() {
    let (fields, departments) = (fields(), BTreeSet::from([1, 2, 3]));
    let rules = PlanRules {
        shape: Shape {
            fields: &fields,
            main: MainDepartment::First,
            departments: Some(&departments),
        },
        unique_field: UniqueField::Mobile,
        link: None,
    };
    let root = record_hash(&record::department(1, "All", None));
    let known = KnownSite {
        departments: Records::new(vec![
            recorded("1", root, 11),
            recorded("2", record_hash(&record::department(2, "Sales", Some(1))), 12),
            recorded("9", [0; 32], 19),
        ]),
        ..KnownSite::default()
    };
    let mut snapshot = Snapshot {
        // Sales has moved below a department that is new.
        departments: [
            (1, node("All", None)),
            (2, node("Sales", Some(3))),
            (3, node("Markets", Some(1))),
        ]
        .into(),
        roots: vec![1],
        ..Snapshot::default()
    };

    let plan = Plan::of(&snapshot, HashMap::new(), &known, &rules);

    let steps: Vec<Vec<(i64, bool)>> = plan
        .departments
        .iter()
        .map(|level| level.iter().map(|step| (step.id, step.is_new)).collect())
        .collect();
    assert_eq!(steps, [vec![(3, true)], vec![(2, false)]]);
    let removed: Vec<_> = plan.removed_departments.iter().map(|gone| gone.id).collect();
    assert_eq!(removed, [19]);

    snapshot.has_gap = true;
    let plan = Plan::of(&snapshot, HashMap::new(), &known, &rules);
    assert!(plan.removed_departments.is_empty());
}
