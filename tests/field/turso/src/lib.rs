//! An extension with one module of virtual tables, which are empty.

use std::sync::Arc;

use turso_ext::{
    Connection, ConstraintInfo, IndexInfo, OrderByInfo, ResultCode, VTabCursor, VTabKind, VTabModule,
    VTabModuleDerive, VTable, Value, register_extension,
};

register_extension! { vtabs: { Empty } }

#[derive(Debug, VTabModuleDerive, Default)]
pub struct Empty;

impl VTabModule for Empty {
    type Table = EmptyTable;
    const NAME: &'static str = "empty";
    const VTAB_KIND: VTabKind = VTabKind::VirtualTable;

    fn create(_: &[Value]) -> Result<(String, Self::Table), ResultCode> {
        Ok(("CREATE TABLE empty (a INTEGER)".into(), EmptyTable))
    }
}

pub struct EmptyTable;

impl VTable for EmptyTable {
    type Cursor = EmptyCursor;
    type Error = ResultCode;

    fn open(&self, _: Option<Arc<Connection>>) -> Result<Self::Cursor, Self::Error> {
        Ok(EmptyCursor)
    }

    fn best_index(_: &[ConstraintInfo], _: &[OrderByInfo]) -> Result<IndexInfo, ResultCode> {
        Ok(IndexInfo::default())
    }
}

pub struct EmptyCursor;

impl VTabCursor for EmptyCursor {
    type Error = ResultCode;

    fn filter(&mut self, _: &[Value], _: Option<(&str, i32)>) -> ResultCode {
        ResultCode::EOF
    }

    fn rowid(&self) -> i64 {
        0
    }

    fn column(&self, _: u32) -> Result<Value, Self::Error> {
        Ok(Value::null())
    }

    fn eof(&self) -> bool {
        true
    }

    fn next(&mut self) -> ResultCode {
        ResultCode::EOF
    }
}
