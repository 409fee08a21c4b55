//! e07_not_send_where_it_is_asked_for
use prof_runtime::prof;

#[prof]
pub async fn holds() -> u8 {
    let value = std::rc::Rc::new(1);
    std::future::ready(()).await;
    *value
}

fn send<T: Send>(_: T) {}

pub fn call() {
    send(holds());
}
