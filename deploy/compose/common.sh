# Sourced by the start scripts of the servers here: what is made at the first start and kept in volumes.

# secret NAME: prints it. Only the components of the compose file (10001) and root can read the file.
secret() {
    local file=/secrets/$1
    mkdir -p /secrets
    chmod 755 /secrets
    if [ ! -s "$file" ]; then
        (umask 077 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$file")
        chown 10001:10001 "$file"
    fi
    cat "$file"
}

# certificate HOST USER: puts fullchain.pem and privkey.pem for USER into /etc/xmpp-tls.
#
# Where /certificates holds a pair of your own, it is taken. Otherwise a CA is made, with a certificate
# for HOST and the subdomains of the components; ca.pem is for clients. They are made anew for another
# HOST and in the last month before they expire. The key of the CA is not kept.
certificate() {
    local host=$1 user=$2 folder=/certificates
    mkdir -p $folder
    if [ ! -s $folder/privkey.pem ] || { [ -s $folder/ca.pem ] && ! is_good "$host" $folder/fullchain.pem; }; then
        make_certificate "$host" $folder
    fi
    install -d -m 750 -o root -g "$user" /etc/xmpp-tls
    install -m 640 -o root -g "$user" $folder/fullchain.pem $folder/privkey.pem /etc/xmpp-tls/
}

is_good() {
    openssl x509 -in "$2" -noout -checkend 2592000 >/dev/null \
        && openssl x509 -in "$2" -noout -checkhost "$1" | grep -q 'does match'
}

make_certificate() {
    local host=$1 folder=$2 work
    work=$(mktemp -d)
    cat >"$work/extensions" <<TEXT
basicConstraints = critical, CA:false
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$host, DNS:*.$host
TEXT
    (
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -keyout "$work/ca.key" \
            -out "$work/ca.pem" -subj "/CN=Couplet compose CA for $host" -addext "keyUsage = critical, keyCertSign, cRLSign"
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/privkey.pem" \
            -out "$work/request.pem" -subj "/CN=$host"
        openssl x509 -req -in "$work/request.pem" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 825 \
            -extfile "$work/extensions" -out "$work/certificate.pem"
    ) 2>"$work/log" || { cat "$work/log" >&2 && return 1; }
    cat "$work/certificate.pem" "$work/ca.pem" >"$folder/fullchain.pem"
    cp "$work/privkey.pem" "$folder/privkey.pem"
    chmod 600 "$folder/privkey.pem"
    cp "$work/ca.pem" "$folder/ca.pem"
    chmod 644 "$folder/fullchain.pem" "$folder/ca.pem"
    rm -rf "$work"
}
