//! The avatar of a contact: the image, its type and size, and its hash. (XEP-0084, XEP-0153)

use base64::{Engine, engine::general_purpose::STANDARD};
use couplet_core::xml_writer::XmlWriter;
use imagesize::ImageType;
use xmpp_parsers::{hashes::Hash, vcard_update::Photo};

use super::{caps::sha1, profile::Profile};

pub(super) const METADATA: &str = "urn:xmpp:avatar:metadata";
pub(super) const DATA: &str = "urn:xmpp:avatar:data";

/// The largest image, in bytes. (XEP-0153, 4.2 suggests 8 KiB; clients take this much)
const LARGEST: usize = 64 * 1024;

/// An image that has been checked.
pub(super) struct Avatar {
    pub(super) media_type: &'static str,
    pub(super) base64: String,
    hash: Hash,
    bytes: usize,
    width: usize,
    height: usize,
}

impl Avatar {
    /// Checks an image.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what to do.
    pub(super) fn read(image: &[u8]) -> Result<Avatar, String> {
        let bytes = image.len();
        if bytes > LARGEST {
            return Err(format!(
                "the avatar has {bytes} bytes: scale it down to at most {LARGEST}"
            ));
        }
        let media_type = match imagesize::image_type(image) {
            Ok(ImageType::Png) => "image/png",
            Ok(ImageType::Jpeg) => "image/jpeg",
            _ => return Err("the avatar is not a PNG or JPEG image: convert it".to_owned()),
        };
        let size = imagesize::blob_size(image)
            .map_err(|error| format!("the avatar is not a complete image: {error}"))?;
        Ok(Avatar {
            media_type,
            base64: STANDARD.encode(image),
            hash: sha1(image),
            bytes,
            width: size.width,
            height: size.height,
        })
    }

    /// The hash in hexadecimal digits, which is the id of its items.
    pub(super) fn id(&self) -> String {
        self.hash.to_hex()
    }

    /// The hash for presence. (XEP-0153, 4.1)
    pub(super) fn photo(&self) -> Photo {
        Photo {
            data: self.hash.hash.as_slice().try_into().ok(),
        }
    }
}

pub(super) fn write_metadata(profile: &Profile, xml: &mut XmlWriter<'_>) {
    xml.raw("<metadata xmlns='urn:xmpp:avatar:metadata'>");
    if let Some(avatar) = &profile.avatar {
        xml.raw("<info");
        for (name, value) in [
            ("id", avatar.id().as_str()),
            ("type", avatar.media_type),
            ("bytes", &avatar.bytes.to_string()),
            ("width", &avatar.width.to_string()),
            ("height", &avatar.height.to_string()),
        ] {
            xml.attribute(name, value);
        }
        xml.raw("/>");
    }
    xml.raw("</metadata>");
}

pub(super) fn write_data(profile: &Profile, xml: &mut XmlWriter<'_>) {
    xml.raw("<data xmlns='urn:xmpp:avatar:data'>");
    if let Some(avatar) = &profile.avatar {
        xml.raw(&avatar.base64);
    }
    xml.raw("</data>");
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = include_bytes!("avatar.png");

    #[test]
    fn type_size_and_hash_are_those_of_the_image() {
        let avatar = Avatar::read(PNG).unwrap();
        assert_eq!(avatar.media_type, "image/png");
        assert_eq!((avatar.width, avatar.height), (16, 16));
        assert_eq!(avatar.bytes, PNG.len());
        assert_eq!(avatar.id().len(), 40);
        let jpeg = [
            b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00".as_slice(),
            b"\xff\xc0\x00\x11\x08\x00\x20\x00\x30\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01",
        ];
        let avatar = Avatar::read(&jpeg.concat()).unwrap();
        assert_eq!(avatar.media_type, "image/jpeg");
        assert_eq!((avatar.width, avatar.height), (48, 32));
    }

    #[test]
    fn what_is_no_avatar_is_refused_with_what_to_do() {
        let refused = |image: &[u8]| Avatar::read(image).err().unwrap();
        assert!(refused(b"GIF89a\x01\x00\x01\x00").ends_with("convert it"));
        assert!(refused(b"").ends_with("convert it"));
        let cut = PNG.get(..20).unwrap();
        assert!(refused(cut).contains("not a complete image"));
        let mut large = PNG.to_vec();
        large.resize(LARGEST + 1, 0);
        assert!(refused(&large).ends_with("at most 65536"));
        large.truncate(LARGEST);
        assert!(Avatar::read(&large).is_ok());
    }
}
