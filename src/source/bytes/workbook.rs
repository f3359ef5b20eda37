//! Workbooks are archives, and are not taken apart like others.

/// Whether an archive that begins so is a workbook: the files that those of Excel and of OpenOffice begin with have
/// names of their own.
pub(in crate::source) fn looks_like_workbook(head: &[u8]) -> bool {
    const FOLDERS: [&[u8]; 4] = [b"xl/", b"_rels/", b"docProps/", b"customXml/"];
    let is = |name: &[u8]| FOLDERS.iter().any(|folder| name.starts_with(folder));
    head.starts_with(b"PK\x03\x04")
        && head.get(30..).is_some_and(|name| {
            is(name)
                || name.starts_with(b"[Content_Types].xml")
                || name.starts_with(b"mimetypeapplication/vnd.oasis.opendocument.")
        })
}
