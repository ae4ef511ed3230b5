//! Answers a request with a response that keeps the request's body among its extensions.

use http::{Request, Response};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (near, far) = tokio::io::duplex(1024);
    let client = async {
        let (mut requests, connection) = h2::client::handshake(near).await.expect("it is open");
        let request = Request::get("http://localhost/").body(()).expect("it is well-formed");
        let _answer = requests.send_request(request, true).expect("it is open");
        connection.await
    };
    let server = async {
        let mut connection = h2::server::handshake(far).await.expect("it is open");
        let (request, mut answer) = connection.accept().await.expect("one request").expect("it is read");
        let mut response = Response::new(());
        response.extensions_mut().insert(request.into_body());
        answer.send_response(response, true).expect("it is open");
    };
    tokio::select! {
        ended = client => panic!("the server goes first: {ended:?}"),
        () = server => {}
    }
}
