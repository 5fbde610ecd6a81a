package org.tinyaudiossl.federated

import java.io.BufferedOutputStream
import java.io.DataInputStream
import java.io.DataOutputStream
import java.io.File
import java.nio.file.Files
import org.json.JSONObject
import org.tinyaudiossl.federated.device.Device
import org.tinyaudiossl.federated.device.Encoding
import org.tinyaudiossl.federated.device.ErrorFeedback
import org.tinyaudiossl.federated.device.KnownRun
import org.tinyaudiossl.federated.device.LocalPrivacy
import org.tinyaudiossl.federated.device.RunSettings
import org.tinyaudiossl.federated.device.TrainingRequest
import org.tinyaudiossl.federated.fleet.Backoff
import org.tinyaudiossl.federated.fleet.FleetClient
import org.tinyaudiossl.federated.fleet.FleetSession
import org.tinyaudiossl.federated.fleet.NodeKey
import org.tinyaudiossl.federated.fleet.NotActivatedException
import org.tinyaudiossl.federated.fleet.Transport
import org.tinyaudiossl.federated.records.ArrayRecord
import org.tinyaudiossl.federated.records.Content
import org.tinyaudiossl.federated.records.Deflating
import org.tinyaudiossl.federated.records.Failure
import org.tinyaudiossl.federated.records.Inflating
import org.tinyaudiossl.federated.records.Message
import org.tinyaudiossl.federated.records.Metadata
import org.tinyaudiossl.federated.records.NumericArray
import org.tinyaudiossl.federated.records.RecordDict
import org.tinyaudiossl.federated.secagg.secureAggregationPieces
import org.tinyaudiossl.federated.training.CounterRandom
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.LocalTraining
import org.tinyaudiossl.federated.training.NativeEngine
import org.tinyaudiossl.federated.training.Recordings
import org.tinyaudiossl.federated.training.SliceLayout
import org.tinyaudiossl.federated.training.Slices

private const val PAUSE_MS = 200L

/** What tests in Python compare with Flower, and run against its server. */
fun main(arguments: Array<String>) {
    val folder = File(arguments[1])
    when (arguments[0]) {
        "calls" -> calls(folder)
        "echo" -> echo(folder, address = arguments[2], clockAheadS = arguments[3].toLong(), tries = arguments[4].toInt())
        "encode" -> encode(folder)
        "train" -> train(folder, engine = File(arguments[2]))
        "secagg" -> secureAggregationPieces(folder)
        "node" -> node(folder, engine = File(arguments[2]), clips = File(arguments[3]))
        "device" -> FaultyDevice(folder, address = arguments[2], arguments.slice(3..5).map(::File), arguments[6]).run()
        "draw" -> draw(folder, task = arguments[2], arguments.drop(3).map(String::toInt))
        else -> error("calls | echo | encode | train | secagg | node | device | draw FOLDER ...")
    }
}

/** Makes each call once; requests and answers are files of [folder], named as the call. */
private fun calls(folder: File) {
    val client = FleetClient("a public key".toByteArray()) { path, request ->
        val name = path.substringAfterLast('/')
        File(folder, "$name.request").writeBytes(request)
        File(folder, "$name.answer").readBytes()
    }
    client.register()
    client.activate()
    client.heartbeat()
    val metadata = checkNotNull(client.pullMessage())
    println(metadata)
    println(client.run(metadata.runId))
    val content = Inflating(maxArrayBytes = 1L shl 25) { File(folder, it).readBytes() }.content(metadata.messageId)
    println(client.pullObject(metadata.runId, "an object").size)
    client.confirmReceived(metadata.runId, metadata.messageId)
    val replies = listOf(Content(content), Failure(2, "no clips"))
    val trees = replies.map { Deflating.message(Message(metadata.ofReply(nowS = 1.8e9 + 0.25), it)) }
    trees.forEach { println(it.id) }
    val reply = Message(metadata.ofReply(nowS = 1.8e9 + 0.25), replies[0])
    println(client.pushMessage(reply, trees[0], runtimeS = 1.5))
    client.pushObject(metadata.runId, "a session", trees[1])
    client.deactivate()
}

/**
 * Answers one message with its own content, the arrays negated, and each further one as a device that
 * does not know the run: another app, version, task, artifact.
 */
private fun echo(folder: File, address: String, clockAheadS: Long, tries: Int) {
    val key = registeredKey(folder)
    val transport = Transport(address, File(folder, "ca.crt"), key) { System.currentTimeMillis() + 1000 * clockAheadS }
    val backoff = Backoff(onWait = { error, _ -> println(error.message) })
    val activation = Backoff(tries, firstWaitS = 2.0, longestWaitS = 2.0, mayPass = { it is NotActivatedException })
    FleetSession.open(FleetClient(key.publicPem, transport::post), backoff, activation).use { session ->
        val first = awaited(session)
        println(session.run(first.runId))
        session.reply(first, Content(negated(session.content(first, maxArrayBytes = 1L shl 25))), runtimeS = 0.1)
        val known = KnownRun("tests/echo", "1.0.0", "cola", "ab", mapOf("out" to "", "task" to "", "artifact-sha256" to ""))
        val others = listOf(
            known.copy(appId = "tests/other"), known.copy(appVersion = "1.0.1"), known.copy(task = "cpc"), known,
        )
        for (other in others) {
            val next = awaited(session)
            val refusal = runCatching { other.settingsOf(session.run(next.runId)) }.exceptionOrNull()
            session.reply(next, Failure(2, refusal?.message.orEmpty()), runtimeS = 0.1)
        }
    }
}

/** The key of a device that keeps it in [folder], once the test has registered it. */
internal fun registeredKey(folder: File): NodeKey = NodeKey.open(File(folder, "key")).also {
    File(folder, "key.pub").writeText(it.publicOpenSsh)
    println("key")
    readln()
}

private fun negated(records: RecordDict): RecordDict {
    val arrays = records.record<ArrayRecord>("arrays").arrays.mapValues { (_, array) ->
        NumericArray.of(array.floats().also { for (i in it.indices) it[i] = -it[i] })
    }
    return RecordDict(records.records + ("arrays" to ArrayRecord(arrays)))
}

/** Prints the ids of three updates, which lie in `updates.f32`, in each encoding, with error feedback. */
private fun encode(folder: File) {
    val updates = floats(File(folder, "updates.f32"))
    val size = updates.size / 3
    for (encoding in Encoding.entries) {
        repeat(3) { round ->
            val update = updates.copyOfRange(round * size, (round + 1) * size)
            val encoded = ErrorFeedback(folder).encode(update, encoding, seriesId = encoding.ordinal.toLong())
            println(Deflating.recordDict(RecordDict(mapOf("arrays" to encoded.record))).id)
        }
    }
}

/** Cuts slices from `logmel.f32` as client 1 in step 5 of a run with seed 7; writes each input. */
private fun draw(folder: File, task: String, numbers: List<Int>) {
    val (batch, bands, clip, slice, stride) = numbers
    val layout = SliceLayout(task, batch, bands, clip, slice, stride, context = numbers[5])
    val logMels = floats(File(folder, "logmel.f32"))
    for ((name, values) in Slices(layout).draw(logMels, longArrayOf(7, 1, CounterRandom.TASK, 5, 0))) {
        write(values, File(folder, "$name.f32"))
    }
}

private fun floats(file: File): FloatArray = file.readBytes().littleEndianFloats()

private fun write(values: FloatArray, file: File) = file.writeBytes(values.toLittleEndian())

/** Trains a round at `weights.f32`, as `settings.json` says; writes `update.f32`, prints the loss. */
private fun train(folder: File, engine: File) {
    val described = DeviceFolder.open(File(folder, "device"))
    val settings = RunSettings(DeviceFolder.settings(JSONObject(File(folder, "settings.json").readText())), emptyMap())
    val weights = floats(File(folder, "weights.f32"))
    val recordings = Recordings(File(folder, "clips"), described.cropSamples) { println(it) }
    NativeEngine(engine, described).use {
        val request = TrainingRequest(round = 2, client = 1, weights, FloatArray(0))
        val trained = LocalTraining(described, it, recordings).train(request, settings)
        write(trained.update, File(folder, "update.f32"))
        println(trained.loss)
    }
}

/** A device whose server is at the other end of standard input and output; it ends with them. */
private fun node(folder: File, engine: File, clips: File) {
    val answers = DataInputStream(System.`in`)
    val requests = DataOutputStream(BufferedOutputStream(System.out))
    val client = FleetClient("key".toByteArray()) { path, request ->
        synchronized(requests) {
            requests.writeUTF(path.substringAfterLast('/'))
            requests.writeInt(request.size)
            requests.write(request)
            requests.flush()
            ByteArray(answers.readInt()).also(answers::readFully)
        }
    }
    val described = DeviceFolder.open(folder)
    val state = Files.createTempDirectory("node").toFile()
    NativeEngine(engine, described).use {
        val device = Device(described, it, clips, state, LocalPrivacy(state, Long.MAX_VALUE), System.err::println)
        val session = FleetSession.open(client)
        while (true) device.answerNext(session)
    }
}

private fun awaited(session: FleetSession): Metadata {
    while (true) {
        session.next()?.let { return it }
        Thread.sleep(PAUSE_MS)
    }
}
