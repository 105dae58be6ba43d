//! Copying all rows from one database to another, and comparing the two.

use aws_lc_rs::digest::{Context, SHA256};
use brama_store::transfer::{Source, TABLES, Table, Target, TransferError, copy_table, encode};

use crate::moving::Progress;

/// Rows of one page: one durable transaction of the target.
const PAGE: u32 = 2000;

/// What a table holds: how many rows, and the SHA-256 of all of them in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Which table.
    pub(crate) table: &'static str,
    /// Its rows.
    pub(crate) rows: u64,
    /// Their SHA-256, hexadecimal.
    pub(crate) sha256: String,
}

/// Copy what the target does not have yet. How many rows were copied.
///
/// # Errors
/// [`TransferError`]; pages that were added stay.
pub(crate) async fn rows(
    source: &mut dyn Source,
    target: &mut dyn Target,
    progress: &mut Progress,
) -> Result<u64, TransferError> {
    let mut all = 0;
    for table in TABLES {
        progress.step(format!("copying {}", table.name), source.count(table).await?, target.count(table).await?);
        let mut copied = |rows| {
            all += rows;
            progress.add(rows);
        };
        copy_table(source, target, table, PAGE, &mut copied).await?;
    }
    Ok(all)
}

/// Read a whole database.
///
/// # Errors
/// [`TransferError`].
pub(crate) async fn sums(source: &mut dyn Source, progress: &mut Progress) -> Result<Vec<Sum>, TransferError> {
    let mut sums = Vec::new();
    for table in TABLES {
        progress.step(format!("comparing {}", table.name), source.count(table).await?, 0);
        sums.push(sum(source, table, progress).await?);
    }
    Ok(sums)
}

async fn sum(source: &mut dyn Source, table: &'static Table, progress: &mut Progress) -> Result<Sum, TransferError> {
    let (mut digest, mut bytes, mut rows, mut after) = (Context::new(&SHA256), Vec::new(), 0, None::<Vec<_>>);
    loop {
        let page = source.page(table, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(table.key_of(last).to_vec());
        for row in &page {
            bytes.clear();
            encode(row, &mut bytes);
            digest.update(&bytes);
        }
        let count = page.len() as u64;
        rows += count;
        progress.add(count);
    }
    let sha256 = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Sum { table: table.name, rows, sha256 })
}
