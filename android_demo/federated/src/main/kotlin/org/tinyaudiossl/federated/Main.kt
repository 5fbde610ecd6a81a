package org.tinyaudiossl.federated

import java.io.File
import java.io.IOException
import kotlin.system.exitProcess
import org.tinyaudiossl.federated.device.Device
import org.tinyaudiossl.federated.device.LocalPrivacy
import org.tinyaudiossl.federated.fleet.Backoff
import org.tinyaudiossl.federated.fleet.FleetClient
import org.tinyaudiossl.federated.fleet.FleetException
import org.tinyaudiossl.federated.fleet.FleetSession
import org.tinyaudiossl.federated.fleet.NodeKey
import org.tinyaudiossl.federated.fleet.Transport
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.NativeEngine

private const val USAGE = """usage: tiny-audio-device --state FOLDER --key
       tiny-audio-device --state FOLDER --server HOST:PORT --authority CA.CRT --folder FOLDER
                         --clips FOLDER --engine LIBRARY [--releases COUNT]

  --state      folder of this device's key and rounding errors; made if it is not there
  --key        print the public key, which the server's operator registers, and end
  --server     address of the SuperLink
  --authority  certificate by which the server is verified
  --folder     folder that `tiny-audio-ssl federate device-folder` made
  --clips      folder of recordings: WAV, 16-bit, mono, 16 kHz
  --engine     libtinyaudio_engine.so
  --releases   largest number of updates that this device ever sends with privacy local;
               no limit if left out"""
private const val POLL_MS = 3_000L

/** Take part in federated training until the program is ended: `tiny-audio-device`. */
fun main(arguments: Array<String>) {
    if ("--help" in arguments) return println(USAGE)
    val options = parsed(arguments)
    try {
        val state = File(options.required("state"))
        if (!state.isDirectory && !state.mkdirs()) throw IOException("$state can't be made")
        val key = NodeKey.open(File(state, "node.key"))
        if ("key" in options) print(key.publicOpenSsh) else takePart(options, state, key)
    } catch (error: IOException) {
        System.err.println("tiny-audio-device: ${error.message}")
        exitProcess(1)
    }
}

private fun takePart(options: Map<String, String>, state: File, key: NodeKey) {
    val folder = DeviceFolder.open(File(options.required("folder")))
    val clips = File(options.required("clips"))
    val transport = Transport(options.required("server"), File(options.required("authority")), key)
    val onWait = { error: FleetException, waitS: Double -> log("${error.message}; again in %.0f s".format(waitS)) }
    NativeEngine(File(options.required("engine")), folder).use { engine ->
        val device = Device(folder, engine, clips, state, LocalPrivacy(state, releases(options)), ::log)
        val session = FleetSession.open(
            FleetClient(key.publicPem, transport::post),
            Backoff(onWait = onWait),
            FleetSession.untilAbsent(onWait),
        )
        Runtime.getRuntime().addShutdownHook(Thread(session::close))
        log("connected to ${options.required("server")} as node ${session.nodeId.toULong()}")
        while (true) {
            if (!device.answerNext(session)) Thread.sleep(POLL_MS)
        }
    }
}

private fun releases(options: Map<String, String>): Long {
    val given = options["releases"] ?: return Long.MAX_VALUE
    return given.toLongOrNull() ?: usage("--releases $given; expected a whole number")
}

/** Return the options by name; end the program if they are not as [USAGE] says. */
private fun parsed(arguments: Array<String>): Map<String, String> {
    val known = Regex("--(\\w+)").findAll(USAGE).map { it.groupValues[1] }.toSet()
    val options = HashMap<String, String>()
    val rest = arguments.iterator()
    for (argument in rest) {
        val name = argument.removePrefix("--")
        if (argument != "--$name" || name !in known) usage("$argument is not an option")
        options[name] = when {
            name == "key" -> ""
            rest.hasNext() -> rest.next()
            else -> usage("$argument needs a value")
        }
    }
    return options
}

private fun Map<String, String>.required(name: String): String = get(name) ?: usage("--$name is missing")

private fun usage(problem: String): Nothing {
    System.err.println("tiny-audio-device: $problem\n$USAGE")
    exitProcess(2)
}

private fun log(line: String) = System.err.println(line)
