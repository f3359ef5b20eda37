//! Sources that are known by the names of their columns.

use super::words::words;

/// Known sources, with names of columns that are theirs.
const PROFILES: [(&str, &[&str]); 4] = [
    (
        "workday",
        &[
            "workerid",
            "employeeid",
            "worker",
            "hiredate",
            "costcenterid",
            "costcenter",
            "positionid",
            "businesstitle",
            "legalnamefirstname",
            "legalnamelastname",
            "emailprimarywork",
            "annualbasepay",
            "ispeoplemanager",
            "workertype",
            "supervisoryorganization",
            "managerid",
            "fte",
            "primaryworkemail",
        ],
    ),
    (
        "successfactors",
        &[
            "userid",
            "personidexternal",
            "seqnumber",
            "emplstatus",
            "managerid",
            "assignmentclass",
            "startdate",
            "enddate",
            "jobtitle",
            "jobcode",
            "eventreason",
            "userid",
            "employmenttype",
            "legalentity",
            "customstring1",
        ],
    ),
    (
        "oracle_hcm",
        &[
            "metadata",
            "personnumber",
            "assignmentnumber",
            "effectivestartdate",
            "effectiveenddate",
            "effectivesequence",
            "effectivelatestchange",
            "assignmentstatustypecode",
            "legalemployername",
            "sourcesystemowner",
            "sourcesystemid",
        ],
    ),
    (
        "adp",
        &[
            "associateoid",
            "workerididvalue",
            "filenumber",
            "associateid",
            "payrollcompanycode",
            "homedepartmentcode",
            "companycode",
            "workerstatusstatuscodecodevalue",
            "personlegalnamegivenname",
            "workerdatesoriginalhiredate",
        ],
    ),
];

/// Names by which one source is told from the others: so many of a profile's have to be there.
const ENOUGH: usize = 4;

/// The profile whose names most columns have, and how many have one.
pub(super) fn profile<'a>(names: impl Iterator<Item = &'a str>) -> Option<(&'static str, usize)> {
    let names: Vec<String> = names.map(|name| words(name).concat()).collect();
    let count = |known: &[&str]| {
        names
            .iter()
            .filter(|name| known.contains(&&***name))
            .count()
    };
    let mut found: Vec<_> = PROFILES
        .iter()
        .map(|(name, known)| (*name, count(known)))
        .collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match found[..] {
        [(name, count), (_, next), ..] if count >= ENOUGH && count > next => Some((name, count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_known_by_their_names() {
        let of = |names: &str| profile(names.split(',')).map(|(name, _)| name);
        assert_eq!(
            of("userId,startDate,endDate,seqNumber,emplStatus"),
            Some("successfactors")
        );
        assert_eq!(
            of("PersonNumber,AssignmentNumber,EffectiveStartDate,EffectiveEndDate"),
            Some("oracle_hcm")
        );
        assert_eq!(of("id,name,salary,start"), None);
    }
}
