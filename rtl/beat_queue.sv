// beat_queue: beats on their way into the scratchpad; what a busy bank holds up is caught up with two beats at once.
//   the writes are the beats, in order; two beats that wait and touch each other are one write, where a word has room
// Golden: accel_models.golden.transfer.load. Latency 1, throughput 1 beat/cycle in, 2 out.
// Combinational path: none but ready_i -> what stands at the outputs in the next cycle.
`default_nettype none
module beat_queue #(
  parameter  int unsigned BusBytes  = 8,
  parameter  int unsigned WordBytes = 16,  // of a write
  parameter  int unsigned Depth     = 4,   // beats, a power of two
  localparam int unsigned PlaceW    = $clog2(Depth),
  localparam int unsigned BusW      = $clog2(BusBytes + 1),
  localparam int unsigned CountW    = $clog2(WordBytes + 1)
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,
  input  wire logic                      valid_i,
  output      logic                      ready_o,
  input  wire logic               [20:0] address_i,
  input  wire logic           [BusW-1:0] count_i,    // bytes, byte 0 of data_i first
  input  wire logic [8*BusBytes-1:0]     data_i,
  input  wire logic                      last_i,
  output      logic                      valid_o,
  input  wire logic                      ready_i,
  output      logic               [20:0] address_o,
  output      logic         [CountW-1:0] count_o,
  output      logic [WordBytes-1:0][7:0] data_o,
  output      logic                      last_o      // the write holds the last beat
);
  logic           [20:0] address [Depth];
  logic       [BusW-1:0] count   [Depth];
  logic [8*BusBytes-1:0] data    [Depth];
  logic      [Depth-1:0] last_q;
  logic     [PlaceW-1:0] write_q, read_q, next;
  logic       [PlaceW:0] stored_q;
  logic push, pair;

  assign ready_o   = stored_q != (PlaceW + 1)'(Depth);
  assign push      = valid_i && ready_o;
  assign valid_o   = stored_q != '0;
  assign next      = read_q + 1'b1;
  assign pair      = 2 * BusBytes <= WordBytes && stored_q > (PlaceW + 1)'(1) &&
                     address[next] == address[read_q] + 21'(count[read_q]);
  assign address_o = address[read_q];
  assign count_o   = CountW'(count[read_q]) + (pair ? CountW'(count[next]) : '0);
  assign data_o    = (8 * WordBytes)'(data[read_q]) |
                     (pair ? (8 * WordBytes)'(data[next]) << {count[read_q], 3'd0} : '0);
  assign last_o    = pair ? last_q[next] : last_q[read_q];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      stored_q <= '0;
      write_q  <= '0;
      read_q   <= '0;
    end else begin
      stored_q <= stored_q + (PlaceW + 1)'(push) - ((valid_o && ready_i) ? (PlaceW + 1)'(pair) + 1'b1 : '0);
      if (push) write_q <= write_q + 1'b1;
      if (valid_o && ready_i) read_q <= read_q + PlaceW'(pair) + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (push) begin
      address[write_q] <= address_i;
      count[write_q]   <= count_i;
      data[write_q]    <= data_i;
      last_q[write_q]  <= last_i;
    end
  end

  always_ff @(posedge clk_i) begin
    a_fits : assert (stored_q <= (PlaceW + 1)'(Depth));
  end
endmodule
`default_nettype wire
