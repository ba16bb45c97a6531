import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;
import java.security.PrivilegedExceptionAction;
import java.util.Arrays;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hadoop.util.ToolRunner;
import org.apache.hadoop.util.Tool;
import org.apache.hadoop.yarn.client.cli.ApplicationCLI;
import org.apache.hadoop.yarn.client.cli.ClusterCLI;
import org.apache.hadoop.yarn.client.cli.LogsCLI;
import org.apache.hadoop.yarn.client.cli.NodeAttributesCLI;
import org.apache.hadoop.yarn.client.cli.NodeCLI;
import org.apache.hadoop.yarn.client.cli.QueueCLI;
import org.apache.hadoop.yarn.client.cli.RMAdminCLI;
import org.apache.hadoop.yarn.client.cli.SchedConfCLI;
import org.apache.hadoop.yarn.client.cli.YarnCLI;
import org.apache.hadoop.yarn.conf.YarnConfiguration;
import org.apache.hadoop.yarn.webapp.util.WebServiceClient;

/**
 * Hadoop's yarn command for many commands in one JVM, since a JVM for each takes seconds. Reads one command per line, its
 * arguments separated by tabs, and answers each with "exit-code out-bytes err-bytes", a newline, and those bytes. A first
 * argument @name makes that user run the rest.
 */
public class YarnCommands {
  public static void main(String[] args) throws Exception {
    PrintStream answer = System.out;
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      ByteArrayOutputStream err = new ByteArrayOutputStream();
      PrintStream outStream = new PrintStream(out, true, "UTF-8");
      PrintStream errStream = new PrintStream(err, true, "UTF-8");
      System.setOut(outStream);
      System.setErr(errStream);
      int code;
      try {
        code = as(line.split("\t", -1), outStream, errStream);
      } catch (Throwable e) {
        errStream.println("Exception in thread \"main\" " + e);
        code = 1;
      }
      outStream.flush();
      errStream.flush();
      answer.println((code & 255) + " " + out.size() + " " + err.size());
      answer.write(out.toByteArray());
      answer.write(err.toByteArray());
      answer.flush();
    }
  }

  static int as(String[] words, PrintStream out, PrintStream err) throws Exception {
    if (!words[0].startsWith("@")) { return run(words, out, err); }
    PrivilegedExceptionAction<Integer> rest = () -> run(Arrays.copyOfRange(words, 1, words.length), out, err);
    return UserGroupInformation.createRemoteUser(words[0].substring(1)).doAs(rest);
  }

  static int run(String[] words, PrintStream out, PrintStream err) throws Exception {
    String[] rest = Arrays.copyOfRange(words, 1, words.length);
    switch (words[0]) {
      case "app": case "application": case "applicationattempt": case "container":
        return yarn(new ApplicationCLI(), ApplicationCLI.preProcessArgs(words), out, err);
      case "node": return yarn(new NodeCLI(), rest, out, err);
      case "queue": return yarn(new QueueCLI(), rest, out, err);
      case "cluster": return yarn(new ClusterCLI(), rest, out, err);
      case "logs":
        WebServiceClient.initialize(new YarnConfiguration());
        try { return tool(new LogsCLI(), rest); } finally { WebServiceClient.destroy(); }
      case "schedulerconf": return tool(new SchedConfCLI(), rest);
      case "nodeattributes": return tool(new NodeAttributesCLI(), rest);
      case "rmadmin": return tool(new RMAdminCLI(), rest);
      case "daemonlog":
        Constructor<?> made = Class.forName("org.apache.hadoop.log.LogLevel$CLI").getDeclaredConstructor(Configuration.class);
        made.setAccessible(true);
        return ToolRunner.run((Tool) made.newInstance(new YarnConfiguration()), rest);
      default: throw new IllegalArgumentException("no such command: " + words[0]);
    }
  }

  static int yarn(YarnCLI cli, String[] args, PrintStream out, PrintStream err) throws Exception {
    cli.setSysOutPrintStream(out);
    cli.setSysErrPrintStream(err);
    try {
      return ToolRunner.run(cli, args);
    } finally {
      if (cli.getClient() != null) { cli.stop(); }
    }
  }

  static int tool(Tool tool, String[] args) throws Exception {
    tool.setConf(new YarnConfiguration());
    return ToolRunner.run(tool, args);
  }
}
