package org.tinyaudiossl.demo.participation

import java.io.File
import org.tinyaudiossl.demo.federation.FederationJob
import org.tinyaudiossl.federated.fleet.NodeKey
import org.tinyaudiossl.federated.training.DeviceFolder

private const val PERIOD_MS = 1_000L // Android's is 15 minutes

/**
 * The phone's part on a computer, for tests in Python: the app's job, which the system starts again and
 * again. `Phone enrollment TEXT` prints what is read; otherwise the arguments are those of
 * `tiny-audio-device`, and the engine that of Linux.
 */
fun main(arguments: Array<String>) {
    if (arguments[0] == "enrollment") return println(Enrollment.parse(arguments[1]).toJson())
    val files = File(arguments[arguments.indexOf("--state") + 1])
    val membership = Membership(File(files, "federation"))
    membership.state.mkdirs()
    val key = NodeKey.open(File(membership.state, "node.key"))
    if ("--key" in arguments) return print(key.publicOpenSsh)
    val options = arguments.toList().chunked(2).associate { (name, value) -> name.removePrefix("--") to File(value) }
    val device = options.getValue("folder")
    membership.agreed = true
    membership.enrollment = Enrollment(
        options.getValue("server").path,
        options.getValue("authority").readText(),
        DeviceFolder.open(device).known.artifactSha256,
    )
    keepClips(options.getValue("clips"), File(files, "clips"))
    System.setProperty("engine", options.getValue("engine").path)
    val job = FederationJob()
    job.files = files
    job.assetFolder = device.absoluteFile.parentFile
    while (true) {
        job.runJob()
        Thread.sleep(PERIOD_MS)
    }
}

/** Copies recordings as the clips of this minute, in their order. */
private fun keepClips(from: File, to: File) {
    val beganMs = System.currentTimeMillis()
    from.listFiles { file -> file.extension == "wav" }.orEmpty().sorted().forEachIndexed { i, file ->
        file.copyTo(File(to, "${beganMs + i}.wav"))
    }
}
