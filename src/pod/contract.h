#ifndef POD_CONTRACT_H
#define POD_CONTRACT_H
/*
 * Where stage0 and stage1 meet (inventory §6): names of files, annotations,
 * variables and arguments. This is rkt's own contract, so that stage1 images
 * and stage0 of either implementation fit together.
 *
 * stage0 starts an entry point with the pod's directory as working directory,
 * as the annotation's path below the stage1 image's rootfs.
 */

/* Annotations of a stage1 image. */
#define STAGE1_ENTRY_RUN	"coreos.com/rkt/stage1/run"
#define STAGE1_ENTRY_ENTER	"coreos.com/rkt/stage1/enter"
#define STAGE1_ENTRY_GC		"coreos.com/rkt/stage1/gc"
#define STAGE1_ENTRY_STOP	"coreos.com/rkt/stage1/stop"
#define STAGE1_INTERFACE	"coreos.com/rkt/stage1/interface-version"

/*
 * Interface versions: 2 --hostname, 3 --disable-*, 4 --dns-conf-mode, 5 --mutable and gc --local-config,
 * 6 --ipc; ours is 7, which adds to run:
 *   --security-profile=hardened|rkt
 *   --no-overlay is not told: stage0 has the apps' trees in place either way.
 */
enum { STAGE1_INTERFACE_VERSION = 7 };

/* Environment of run. The fd holds the pod's lock and must stay open until the pod has ended. */
#define ENV_LOCK_FD		"RKT_LOCK_FD"

/* Annotations of a pod manifest. */
#define POD_ANNOTATION_MUTABLE	"coreos.com/rkt/stage1/mutable"

/* Files, relative to the pod's directory (inventory 5.2). */
#define POD_MANIFEST		"pod"
#define POD_MANIFEST_LOCK	"pod.lck"
#define POD_CREATED		"pod-created"		/* empty; its mtime is the time of creation */
#define POD_APPSINFO		"appsinfo"		/* appsinfo/APP/{manifest,treeStoreID,verifiedBy} */
#define POD_TREE_ID		"treeStoreID"
#define POD_VERIFIED_BY		"verifiedBy"		/* who vouched for the image when the pod was prepared: a
							   fingerprint, "accepted", or "nobody"; ours alone */
#define POD_VERIFIED_NOBODY	"nobody"
#define POD_STAGE1_TREE_ID	"stage1TreeStoreID"
#define POD_STAGE1		"stage1"		/* stage1/{manifest,rootfs} */
#define POD_STAGE1_ROOTFS	"stage1/rootfs"
#define POD_OVERLAY		"overlay"		/* overlay/TREE/{upper,work}[/APP] */
#define POD_OVERLAY_PREPARED	"overlay-prepared"
#define POD_PID			"pid"			/* decimal, by stage1; mtime: start of the pod */
#define POD_PPID		"ppid"			/* the same when pid 1 of the pod is its only child */
#define POD_SUBCGROUP		"subcgroup"
/*
 * JSON, by stage1: what it runs under. "rkt status" reads {"securityProfile":"hardened",
 * "disableCapabilitiesRestriction":false,"disablePaths":false,"disableSeccomp":false} of it; a stage1 that
 * says no profile knows none, and confines as rkt 1.30 did.
 */
#define POD_RUNTIME_CONFIG	"runtime-config"
#define POD_SHARED_VOLUMES	"sharedVolumes"		/* sharedVolumes/VOLUME: kind "empty" */
#define POD_CONTROL		"control"		/* native: socket of the supervisor, root only */

/* Paths inside the stage1 rootfs (reserved). With overlay they are written to overlay/TREE/upper/…. */
#define STAGE1_APPS		"opt/stage2"		/* opt/stage2/APP/{manifest,rootfs} */
#define STAGE1_STATUS		"rkt/status"		/* rkt/status/APP: exit code; APP-created, APP-started */
#define STAGE1_ENV		"rkt/env"		/* rkt/env/APP */
#define STAGE1_READY		"rkt/supervisor-status"	/* symlink → "ready" */
#define STAGE1_RESOLV_CONF	"etc/rkt-resolv.conf"
#define STAGE1_HOSTS		"etc/rkt-hosts"
#define STAGE1_FLAVOR		"flavor"		/* symlink → name of the engine */

#define DEFAULT_STAGE1_NAME	"coreos.com/rkt/stage1-native"
#endif
