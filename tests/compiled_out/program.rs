use prof_runtime::prof;
use timer_watchdog::expires;

struct Table {
    rows: Vec<u64>,
}

#[prof(group = "totals")] impl Table {
    #[inline(never)]
    fn row(&self, at: usize) -> u64 {
        self.rows[at]
    }

    #[prof(skip)] #[inline(never)]
    fn sum(&self) -> u64 {
        self.rows.iter().sum()
    }
}

#[prof(err = |row: &Option<u64>| row.is_none(), sample = 64)] #[inline(never)] fn find(table: &Table, at: usize) -> Option<u64> {
    (at < table.rows.len()).then(|| table.row(at))
}

#[expires("5s")] #[prof] #[track_caller] fn parse(text: &str) -> Result<u64, std::num::ParseIntError> {
    let number: u64 = text.parse()?;
    Ok(number % 1009)
}

#[prof] async fn load(text: String) -> u64 {
    parse(&text).unwrap()
}

#[prof] mod nested {
    #[prof(objective(success = 99.9))] pub fn twice(number: u64) -> u64 {
        number.checked_mul(2).unwrap()
    }
}

fn main() {
    let table = Table { rows: (0..100).collect() };
    let mut load = Box::pin(load("1234".to_owned()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(loaded) = load.as_mut().poll(&mut context) else { unreachable!() };
    let found = find(&table, nested::twice(7) as usize);
    println!("{} {found:?} {loaded}", table.sum());
}
