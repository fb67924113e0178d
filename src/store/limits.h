#ifndef STORE_LIMITS_H
#define STORE_LIMITS_H
/*
 * What an image archive may ask for. Everything an archive claims is held
 * against one of these before anything is reserved for it, and the message
 * names the limit that stopped it.
 */
#define LIMIT_STREAM_BYTES	(64LL << 30)	/* the archive, uncompressed */
#define LIMIT_CONTENT_BYTES	(64LL << 30)	/* all files together, holes included */
#define LIMIT_MEMBERS		4000000LL
#define LIMIT_PATH		4095		/* bytes of a member's name: what one openat2(2) takes */
#define LIMIT_COMPONENT		255
#define LIMIT_LINK		4095		/* bytes of a symlink's target */
#define LIMIT_XATTRS		64		/* per member */
#define LIMIT_XATTR_BYTES	(64 << 10)	/* of one value, as Linux has it */
#define LIMIT_DIRECTORY_NAMES	(64 << 20)	/* bytes of directory names, kept until their times are set */
/* Removing a tree holds two descriptors per level, within the customary 1024. */
#define LIMIT_DEPTH		256
#endif
