//! Commands with which a client mounts a share, ready to be pasted, as the documentation of DittoFS has them.

use super::AdapterType;

/// An IPv6 address is in brackets.
pub(super) fn nfs(host: &str, port: i32) -> Vec<String> {
    let usual = i32::from(AdapterType::Nfs.client_port());
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let (v4, v3) = if port == usual {
        (String::new(), format!(",mountport={port}"))
    } else {
        (
            format!(",port={port}"),
            format!(",port={port},mountport={port}"),
        )
    };
    vec![
        format!("mount -t nfs -o vers=4.1{v4} {host}:/{{share}} /mnt"),
        // Locks over NFSv3 need services that an address alone does not give.
        format!("mount -t nfs -o vers=3,tcp,nolock{v3} {host}:/{{share}} /mnt"),
    ]
}

/// Clients of SMB take an IPv6 address only beside the name of a server.
pub(super) fn smb(host: &str, port: i32) -> Vec<String> {
    let usual = i32::from(AdapterType::Smb.client_port());
    let (server, client_address, mount_address) = if host.contains(':') {
        ("dittofs", format!(" -I {host}"), format!(",ip={host}"))
    } else {
        (host, String::new(), String::new())
    };
    let (client_port, mount_port) = if port == usual {
        (String::new(), String::new())
    } else {
        (format!(" -p {port}"), format!(",port={port}"))
    };
    vec![
        format!("smbclient //{server}/{{share}}{client_address}{client_port} -U {{user}}"),
        format!(
            "mount -t cifs -o vers=3.1.1,username={{user}}{mount_port}{mount_address} //{server}/{{share}} /mnt"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_the_port_where_it_is_not_the_usual_one() {
        assert_eq!(
            nfs("files.example", 12049),
            [
                "mount -t nfs -o vers=4.1,port=12049 files.example:/{share} /mnt",
                "mount -t nfs -o vers=3,tcp,nolock,port=12049,mountport=12049 files.example:/{share} /mnt",
            ]
        );
        assert_eq!(
            nfs("203.0.113.1", 2049),
            [
                "mount -t nfs -o vers=4.1 203.0.113.1:/{share} /mnt",
                "mount -t nfs -o vers=3,tcp,nolock,mountport=2049 203.0.113.1:/{share} /mnt",
            ]
        );
        assert_eq!(
            smb("203.0.113.1", 1445),
            [
                "smbclient //203.0.113.1/{share} -p 1445 -U {user}",
                "mount -t cifs -o vers=3.1.1,username={user},port=1445 //203.0.113.1/{share} /mnt",
            ]
        );
        assert_eq!(
            smb("203.0.113.1", 445),
            [
                "smbclient //203.0.113.1/{share} -U {user}",
                "mount -t cifs -o vers=3.1.1,username={user} //203.0.113.1/{share} /mnt",
            ]
        );
    }

    #[test]
    fn ipv6_addresses_are_written_as_each_client_takes_them() {
        assert_eq!(
            nfs("2001:db8::1", 2049)[0],
            "mount -t nfs -o vers=4.1 [2001:db8::1]:/{share} /mnt"
        );
        assert_eq!(
            smb("2001:db8::1", 445),
            [
                "smbclient //dittofs/{share} -I 2001:db8::1 -U {user}",
                "mount -t cifs -o vers=3.1.1,username={user},ip=2001:db8::1 //dittofs/{share} /mnt",
            ]
        );
    }
}
