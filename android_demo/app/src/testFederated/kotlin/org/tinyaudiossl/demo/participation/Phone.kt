package org.tinyaudiossl.demo.participation

import java.io.File
import org.tinyaudiossl.federated.fleet.NodeKey
import org.tinyaudiossl.federated.fleet.Transport
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.NativeEngine

/**
 * The phone's part on a computer, for tests in Python. `Phone enrollment TEXT` prints what is read;
 * otherwise the arguments are those of `tiny-audio-device`, and the engine that of Linux.
 */
fun main(arguments: Array<String>) {
    if (arguments[0] == "enrollment") return println(Enrollment.parse(arguments[1]).toJson())
    val state = File(arguments[arguments.indexOf("--state") + 1])
    val membership = Membership(state)
    membership.state.mkdirs()
    val key = NodeKey.open(File(membership.state, "node.key"))
    if ("--key" in arguments) return print(key.publicOpenSsh)
    val options = arguments.toList().chunked(2).associate { (name, value) -> name.removePrefix("--") to value }
    val folder = DeviceFolder.open(File(options.getValue("folder")))
    membership.agreed = true
    membership.enrollment = Enrollment(
        options.getValue("server"), File(options.getValue("authority")).readText(), folder.known.artifactSha256,
    )
    val transport = Transport(options.getValue("server"), membership.authority, key)
    val clips = File(options.getValue("clips"))
    val clock = Participation.Clock { Thread.sleep(minOf(it, 1_000)) }
    NativeEngine(File(options.getValue("engine")), folder).use { engine ->
        val log = { line: String -> System.err.println(line) }
        Participation(membership, folder, engine, clips, transport::post, { false }, log, clock).run(key.publicPem)
    }
}
